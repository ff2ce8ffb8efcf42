import { spawn } from "node:child_process";
import { close, constants, readFileSync, writeSync } from "node:fs";
import { lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { type EntryMetadata, type NativeRoot, runProgram } from "../../../src/node/platform/index.ts";
import { native, temporaryFolder } from "./temporary-folder.ts";

const closeFile = promisify(close);

/** A root, and beside it a folder that nothing may touch. */
async function openTestRoot(): Promise<{ root: NativeRoot; inside: string; outside: string }> {
  const folder = await temporaryFolder();
  const [inside, outside] = [join(folder, "root"), join(folder, "outside")];
  await mkdir(inside);
  await mkdir(outside);
  await writeFile(join(outside, "canary"), "alive", { mode: 0o600 });
  const root = await native.openRoot(inside);
  onTestFinished(() => root.close());
  return { root, inside, outside };
}

async function put(root: NativeRoot, path: string, text: string): Promise<void> {
  const fd = await root.createFile(path, 0o644);
  writeSync(fd, text);
  await closeFile(fd);
}

async function read(root: NativeRoot, path: string, follow: boolean): Promise<string> {
  const fd = await root.openFile(path, follow);
  try {
    return readFileSync(fd, "utf8");
  } finally {
    await closeFile(fd);
  }
}

function metadata(changes: Partial<EntryMetadata> = {}): EntryMetadata {
  return { uid: 0, gid: 0, mode: 0o644, mtimeNs: 0n, xattrs: {}, ...changes };
}

const withoutXattrs = ({ xattrs: _xattrs, ...rest }: EntryMetadata) => rest;

async function expectUntouched(outside: string): Promise<void> {
  expect(await readdir(outside)).toEqual(["canary"]);
  expect(await readFile(join(outside, "canary"), "utf8")).toBe("alive");
  expect((await stat(join(outside, "canary"))).mode & 0o7777).toBe(0o600);
}

describe("root writer", () => {
  test("makes every kind of entry and reads back what it wrote", async () => {
    const { root } = await openTestRoot();
    await root.mkdir("a", 0o755);
    await put(root, "a/file", "text");
    await root.link("a/file", "a/hard");
    await root.symlink("file", "a/soft");
    await root.mknod("a/whiteout", constants.S_IFCHR, 0, 0);
    await root.mknod("a/pipe", constants.S_IFIFO | 0o600, 0, 0);
    const kinds = Object.fromEntries(
      await Promise.all((await root.list("a")).map(async (name) => [name, (await root.stat(`a/${name}`))?.kind])),
    );
    expect(kinds).toEqual({ file: "file", hard: "file", soft: "symlink", whiteout: "character", pipe: "fifo" });
    expect((await root.stat("a/hard"))?.links).toBe(2);
    expect(await root.readlink("a/soft")).toBe("file");
    expect(await read(root, "a/soft", true)).toBe("text");
  });

  test("sets owner, mode with setuid, time in nanoseconds and extended attributes", async () => {
    const { root } = await openTestRoot();
    await put(root, "file", "");
    // A file capability would be lost if the owner were set after it.
    const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
    const wanted = metadata({
      uid: 12,
      gid: 34,
      mode: 0o4755,
      mtimeNs: 1_234_567_890_123_456_789n,
      xattrs: { "security.capability": capability },
    });
    await root.setMetadata("file", wanted);
    expect(await root.stat("file")).toMatchObject({ uid: 12, gid: 34, mode: 0o4755, mtimeNs: wanted.mtimeNs });
    expect(await root.xattrs("file")).toEqual({ "security.capability": capability });
  });

  test("sets times before 1970 and metadata of the root itself", async () => {
    const { root } = await openTestRoot();
    await root.setMetadata("/", metadata({ mode: 0o711, mtimeNs: -1_500_000_000n }));
    expect(await root.stat("")).toMatchObject({ kind: "directory", mode: 0o711, mtimeNs: -1_500_000_000n });
  });

  test("metadata of a symbolic link never reaches its target", async () => {
    const { root, outside } = await openTestRoot();
    await root.symlink(join(outside, "canary"), "link");
    await root.setMetadata("link", metadata({ uid: 7, mode: 0o777, mtimeNs: 5n, xattrs: { "trusted.test": Buffer.from("x") } }));
    expect(await root.stat("link")).toMatchObject({ kind: "symlink", uid: 7, mtimeNs: 5n });
    expect(await root.xattrs("link")).toEqual({ "trusted.test": Buffer.from("x") });
    expect((await lstat(join(outside, "canary"))).uid).toBe(0);
    await expectUntouched(outside);
  });

  test("absolute and climbing symbolic links resolve inside the root", async () => {
    const { root, outside } = await openTestRoot();
    await root.symlink(outside, "absolute");
    await root.symlink("../../../../../../..", "climbing");
    await expect(root.createFile("absolute/new", 0o644)).rejects.toMatchObject({ code: "ENOENT" });
    await expect(root.openFile("absolute/canary", true)).rejects.toMatchObject({ code: "ENOENT" });
    await put(root, "climbing/landed", "");
    expect(await root.list("/")).toContain("landed");
    await expectUntouched(outside);
  });

  test("paths with .. stay inside, and end in a name", async () => {
    const { root, inside, outside } = await openTestRoot();
    await put(root, "../../../x", "");
    expect(await readdir(inside)).toEqual(["x"]);
    await expect(root.remove("a/..")).rejects.toMatchObject({ code: "EINVAL" });
    await expect(root.remove("/")).rejects.toMatchObject({ code: "EINVAL" });
    await expectUntouched(outside);
  });

  test("a file is not written through a link that lies at its name", async () => {
    const { root, outside } = await openTestRoot();
    await root.symlink(join(outside, "canary"), "name");
    await expect(root.createFile("name", 0o644)).rejects.toMatchObject({ code: "EEXIST" });
    await expect(root.openFile("name", false)).rejects.toMatchObject({ code: "ELOOP" });
    await expect(root.link("absent", "x")).rejects.toMatchObject({ code: "ENOENT" });
    await root.link("name", "copy");
    expect((await root.stat("copy"))?.kind).toBe("symlink");
    await expectUntouched(outside);
  });

  test("a batch makes files, links and folders in order with owner, mode, time and attributes, and overwrites nothing", async () => {
    const { root, outside } = await openTestRoot();
    const metadata = { uid: 1000, gid: 70_000, mode: 0o4751, mtimeNs: -1_500_000_000n, xattrs: { "user.note": Buffer.from([0, 255]) } };
    const plain = { uid: 0, gid: 0, mode: 0o666, mtimeNs: 1n, xattrs: {} };
    const file = (path: string, metadata = plain) => ({ kind: "file" as const, path, content: Buffer.from("content"), metadata });
    const link = (path: string, target: string) => ({ kind: "symlink" as const, path, target, metadata: { ...metadata, xattrs: {} } });
    const folder = { kind: "folder" as const, path: "sub", metadata };
    const made = await root.apply([folder, file("sub/file", metadata), file("plain"), link("sub/link", "/etc/passwd")]);
    expect(made).toBe(null);
    const expected = { uid: 1000, gid: 70_000, mtimeNs: -1_500_000_000n };
    expect(await root.stat("sub/file")).toMatchObject({ ...expected, kind: "file", mode: 0o4751, size: 7 });
    expect(await root.xattrs("sub/file")).toEqual({ "user.note": Buffer.from([0, 255]) });
    expect(await read(root, "sub/file", false)).toBe("content");
    expect(await root.stat("plain")).toMatchObject(withoutXattrs(plain));
    expect(await root.stat("sub/link")).toMatchObject({ ...expected, kind: "symlink" });
    expect((await root.stat("sub"))?.mode).toBe(0o700);
    await root.apply([{ kind: "folder-metadata", path: "sub", metadata }]);
    expect(await root.stat("sub")).toMatchObject({ ...expected, mode: 0o4751 });
    await root.apply([{ kind: "folder-metadata", path: "plain", metadata }]);
    expect(await root.stat("plain")).toMatchObject(withoutXattrs(plain));

    await root.symlink(join(outside, "canary"), "link");
    await root.symlink(outside, "folder");
    for (const path of ["plain", "link", "sub"]) {
      expect(await root.apply([file(`${path}-new`), file(path), file("never")])).toMatchObject({ index: 1, error: { code: "EEXIST" } });
    }
    expect(await root.apply([file("folder/new")])).toMatchObject({ index: 0, error: { code: "ENOENT" } });
    for (const path of ["", "..", "sub/.."]) expect(await root.apply([file(path)])).toMatchObject({ error: { code: "EINVAL" } });
    expect(await root.stat("never")).toBe(null);
    await expectUntouched(outside);
  });

  test("magic links of /proc are not followed", async () => {
    const { root, inside } = await openTestRoot();
    await root.mkdir("proc", 0o755);
    await native.mount("proc", join(inside, "proc"), "proc", 0, "");
    await expect(root.openFile("proc/self/root/etc/passwd", true)).rejects.toMatchObject({ code: "ELOOP" });
    await expect(root.list("proc/self/cwd")).rejects.toMatchObject({ code: "ENOTDIR" });
    await expect(root.createFile("proc/self/cwd/x", 0o644)).rejects.toMatchObject({ code: "ELOOP" });
    await native.unmount(join(inside, "proc"), 0);
  });

  test("opens regular files only, without waiting for a pipe's writer", async () => {
    const { root } = await openTestRoot();
    await root.mknod("pipe", constants.S_IFIFO | 0o600, 0, 0);
    await root.mkdir("folder", 0o755);
    await expect(root.openFile("pipe", true)).rejects.toMatchObject({ code: "ENXIO" });
    await expect(root.openFile("folder", false)).rejects.toMatchObject({ code: "EISDIR" });
  });

  test("missing entries are null to stat and fine to remove", async () => {
    const { root } = await openTestRoot();
    await put(root, "file", "");
    expect(await root.stat("a/b/c")).toBeNull();
    expect(await root.stat("file/below")).toBeNull();
    await root.remove("a/b/c");
    await root.remove("file/below");
    expect(await root.list("")).toEqual(["file"]);
  });

  test("ids that mean something else to the kernel are refused", async () => {
    const { root } = await openTestRoot();
    await put(root, "file", "");
    expect(() => root.setMetadata("file", metadata({ uid: 2 ** 32 - 1 }))).toThrow(RangeError);
    expect(() => root.setMetadata("file", metadata({ uid: 2 ** 32 }))).toThrow(RangeError);
    expect(() => root.setMetadata("file", metadata({ gid: -1 }))).toThrow(RangeError);
    expect(() => root.mkdir("a\0b", 0o755)).toThrow(/NUL/);
  });

  test("a closed root refuses, and lets calls on their way finish", async () => {
    const folder = await temporaryFolder();
    const root = await native.openRoot(folder);
    const onItsWay = root.mkdir("a", 0o755);
    root.close();
    await onItsWay;
    expect(() => root.list("")).toThrow(/EBADF/);
    expect(await readdir(folder)).toEqual(["a"]);
  });
});

describe("removing a tree", () => {
  test("removes links, not what they point at", async () => {
    const { root, outside } = await openTestRoot();
    await root.mkdir("tree", 0o755);
    await root.symlink(outside, "tree/link");
    await root.remove("tree");
    expect(await root.stat("tree")).toBeNull();
    await expectUntouched(outside);
  });

  test("removes a tree deeper than there are descriptors, also when names it would use are taken", async () => {
    const { root, inside } = await openTestRoot();
    await root.mkdir("deep", 0o755);
    await put(root, "deep/.berth-removing-0", "");
    const script = "import os\nfor _ in range(5000):\n os.mkdir('d'); os.chdir('d')\n";
    expect((await runProgram("python3", ["-c", script], { cwd: join(inside, "deep") })).code).toBe(0);
    await root.remove("deep");
    expect(await root.list("")).toEqual([]);
  });

  test("leaves alone what is mounted inside, and says so", async () => {
    const { root, inside } = await openTestRoot();
    await root.mkdir("tree", 0o755);
    await root.mkdir("tree/volume", 0o755);
    await native.mount("tmpfs", join(inside, "tree/volume"), "tmpfs", 0, "size=1m");
    await writeFile(join(inside, "tree/volume/precious"), "data");
    await expect(root.remove("tree")).rejects.toMatchObject({ code: "EBUSY" });
    expect(await readFile(join(inside, "tree/volume/precious"), "utf8")).toBe("data");
    await native.unmount(join(inside, "tree/volume"), 0);
  });
});

/** Exchanges two names as fast as it can, from another process, until told to stop. */
function startSwapping(one: string, other: string): () => void {
  const program = `
import ctypes, sys
rename = ctypes.CDLL(None, use_errno=True).renameat2
while True:
    rename(-100, sys.argv[1].encode(), -100, sys.argv[2].encode(), 2)
`;
  const child = spawn("python3", ["-c", program, one, other], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  return () => void child.kill("SIGKILL");
}

test("somebody who swaps a folder for a link all the time cannot lead a write outside", async () => {
  const { root, inside, outside } = await openTestRoot();
  await mkdir(join(inside, "real"));
  await symlink(outside, join(inside, "swap"));
  const stopSwapping = startSwapping(join(inside, "real"), join(inside, "swap"));
  const results = { done: 0, refused: 0 };
  // On until the race was both lost and won by the calls, which takes the other process a moment to start.
  for (let index = 0; index < 3000 || (results.refused === 0 && index < 200_000); index++) {
    const attempt =
      index % 3 === 0
        ? root.mkdir(`real/d${index}`, 0o755)
        : index % 3 === 1
          ? root.symlink("t", `real/l${index}`)
          : root.remove("real/canary");
    await attempt.then(
      () => results.done++,
      () => results.refused++,
    );
  }
  stopSwapping();
  expect(results.done).toBeGreaterThan(0);
  expect(results.refused).toBeGreaterThan(0);
  await expectUntouched(outside);
});
