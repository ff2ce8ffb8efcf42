import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { withPresetJoinToken } from "../../../src/control/api/auth/preset-join-token.ts";
import { createMemoryStores } from "../../../src/control/jobs/index.ts";

const TOKEN = "a-token-that-is-long-enough";

async function presetIn(content: string | null) {
  const folder = await mkdtemp(join(tmpdir(), "berth-preset-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "token");
  if (content !== null) await writeFile(path, content);
  return { path, tokens: withPresetJoinToken(createMemoryStores().tokens, path) };
}

test("the token in the file admits nodes, and nothing else", async () => {
  const { tokens } = await presetIn(`${TOKEN}\n`);
  expect(await tokens.verify("join", TOKEN, 0)).toBe(true);
  expect(await tokens.verify("api", TOKEN, 0)).toBe(false);
  expect(await tokens.verify("join", `${TOKEN}x`, 0)).toBe(false);
});

test("replacing the file replaces the token", async () => {
  const { path, tokens } = await presetIn(TOKEN);
  await writeFile(path, "another-token-long-enough");
  expect(await tokens.verify("join", TOKEN, 0)).toBe(false);
  expect(await tokens.verify("join", "another-token-long-enough", 0)).toBe(true);
});

test.each([
  ["a missing file", null, ""],
  ["an empty file", "", ""],
  ["a short token", "short", "short"],
])("%s admits nobody", async (_, content, given) => {
  const { tokens } = await presetIn(content);
  expect(await tokens.verify("join", given, 0)).toBe(false);
});

test("tokens that people make go on working", async () => {
  const { tokens } = await presetIn(TOKEN);
  const { token } = await tokens.create("join", 60, 0);
  expect(await tokens.verify("join", token, 1)).toBe(true);
});
