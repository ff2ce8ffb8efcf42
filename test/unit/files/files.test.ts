import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createSecretFile, removeUnfinished, writeFileDurably } from "../../../src/shared/files/index.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-files-"));
});
afterEach(() => rm(folder, { recursive: true }));

const at = (name: string) => join(folder, name);

it("of many that make a secret at once one wins, and all are told what it is", async () => {
  const path = at("new/key");
  const told = await Promise.all(Array.from({ length: 8 }, (_, index) => createSecretFile(path, `secret ${index}`)));
  expect(new Set(told)).toEqual(new Set([await readFile(path, "utf8")]));
  expect(await createSecretFile(path, "late")).toBe(told[0]);
  expect(await readdir(at("new"))).toEqual(["key"]);
  expect([(await stat(at("new"))).mode & 0o777, (await stat(path)).mode & 0o777]).toEqual([0o700, 0o600]);
});

it("a file that cannot get its name leaves the older one and nothing beside it", async () => {
  await writeFileDurably(at("a"), "old");
  await expect(writeFileDurably(at("a/b"), "new")).rejects.toMatchObject({ code: "ENOTDIR" });
  await writeFileDurably(at("a"), "new");
  expect([await readFile(at("a"), "utf8"), (await stat(at("a"))).mode & 0o777, await readdir(folder)]).toEqual(["new", 0o600, ["a"]]);
  await writeFile(at(".a.0123.tmp"), "half");
  await writeFile(at(".ab.0123.tmp"), "another's");
  await removeUnfinished(at("a"));
  expect((await readdir(folder)).sort()).toEqual([".ab.0123.tmp", "a"]);
});
