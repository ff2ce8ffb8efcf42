import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keyedFolder } from "../../support/keyed-cache.ts";

const run = promisify(execFile);
const LONG_AGO = new Date(Date.now() - 2 * 86_400_000);
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "berth-cache-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const make = async (folder: string) => {
  await mkdir(folder);
  await writeFile(join(folder, "file"), "made");
};
const never = () => Promise.reject(new Error("made twice"));

async function old(name: string): Promise<string> {
  await mkdir(join(home, name, "root"), { recursive: true });
  await utimes(join(home, name), LONG_AGO, LONG_AGO);
  return name;
}

test("is made once for the same parts, and again for others", async () => {
  const first = await keyedFolder(home, ["a"], make);
  expect(await keyedFolder(home, ["a"], never)).toBe(first);
  expect(await keyedFolder(home, ["b"], make)).not.toBe(first);
  expect(await readdir(home)).toHaveLength(2);
});

test("what could not be made leaves nothing, and is tried again", async () => {
  await expect(keyedFolder(home, ["a"], never)).rejects.toThrow("made twice");
  expect(await readdir(home)).toEqual([]);
  await keyedFolder(home, ["a"], make);
});

test("a new one takes away those that nobody used for a day, and nothing that is in use, mounted or not ours", async () => {
  const used = await keyedFolder(home, ["used"], make);
  await utimes(used, LONG_AGO, LONG_AGO);
  await keyedFolder(home, ["used"], never);
  const [mounted] = [await old("0123456789ab"), await old("ba9876543210"), await old("new-abc123")];
  const kept = [await old("notes"), await old("0123456789abc")];
  await run("mount", ["-t", "tmpfs", "none", join(home, mounted, "root")]);
  try {
    const made = await keyedFolder(home, ["new"], make);
    expect((await readdir(home)).sort()).toEqual([basename(used), basename(made), mounted, ...kept].sort());
  } finally {
    await run("umount", [join(home, mounted, "root")]);
  }
});
