import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extract } from "tar-stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ignoreRules } from "../../../src/cli/build-context/dockerignore.ts";
import { readContext } from "../../../src/cli/build-context/read-context.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-context-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test.each([
  ["*.log", "a.log", true],
  ["*.log", "sub/a.log", false],
  ["**/*.log", "sub/deep/a.log", true],
  ["**/*.log", "a.log", true],
  ["build", "build/x/y", true],
  ["/build/", "build/x", true],
  ["a/**", "a", false],
  ["a/**", "a/b", true],
  ["file?", "file1", true],
  ["file[0-9]", "filex", false],
  ["file[^0-9]", "filex", true],
  ["*\n!keep", "keep", false],
  ["*\n!keep\nkeep", "keep", true],
  ["docs\n!docs/README.md", "docs/README.md", false],
  ["# comment\n\n.", "x", false],
  ["a.b", "axb", false],
])("the rules %j leave out %s: %s", (rules, path, ignored) => {
  expect(ignoreRules(rules).ignores(path)).toBe(ignored);
});

test("a folder is not read when nothing in it can be wanted", () => {
  expect(ignoreRules("node_modules").prunes("node_modules")).toBe(true);
  expect(ignoreRules("node_modules\n!node_modules/keep").prunes("node_modules")).toBe(false);
});

async function namesOf(context: Awaited<ReturnType<typeof readContext>>): Promise<string[]> {
  const names: string[] = [];
  const reader = extract();
  context.tar.pipe(reader);
  for await (const entry of reader) {
    names.push(`${entry.header.type} ${entry.header.name}`);
    entry.resume();
  }
  return names;
}

test("the context is the folder in a fixed order, less what .dockerignore names, but always with the Dockerfile", async () => {
  await mkdir(join(folder, "src"));
  for (const name of ["Dockerfile", "b.txt", "a.log", "src/main.py"]) await writeFile(join(folder, name), "content");
  await symlink("b.txt", join(folder, "link"));
  await writeFile(join(folder, ".dockerignore"), "*.log\nDockerfile\n");
  expect(await namesOf(await readContext(folder, undefined))).toEqual([
    "file .dockerignore",
    "file Dockerfile",
    "file b.txt",
    "symlink link",
    "directory src/",
    "file src/main.py",
  ]);
});

test("the same files give the same bytes, and a Dockerfile elsewhere in the context is found", async () => {
  await mkdir(join(folder, "docker"));
  await writeFile(join(folder, "docker/gpu.Dockerfile"), "FROM x");
  const read = async () => {
    const { tar, dockerfile } = await readContext(folder, "docker/gpu.Dockerfile");
    const chunks: Buffer[] = [];
    for await (const chunk of tar) chunks.push(chunk as Buffer);
    return { bytes: Buffer.concat(chunks), dockerfile };
  };
  const [first, second] = [await read(), await read()];
  expect(first.dockerfile).toBe("docker/gpu.Dockerfile");
  expect(first.bytes.equals(second.bytes)).toBe(true);
});

test("a missing Dockerfile, one outside the context and a missing folder are refused", async () => {
  await expect(readContext(folder, undefined)).rejects.toThrow(/no Dockerfile at/);
  await expect(readContext(folder, "/etc/passwd")).rejects.toThrow(/no Dockerfile at/);
  await expect(readContext(join(folder, "none"), undefined)).rejects.toThrow(/is not a folder/);
});
