import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { OverlayMount } from "../../../src/node/platform/index.ts";
import { mountedAt, native, temporaryFolder } from "./temporary-folder.ts";

/** The ways of newer and older kernels; undefined is what this one chooses. */
const METHODS = [undefined, "descriptor", "string", "options"] as const;

async function makeLayers(folder: string, count: number): Promise<string[]> {
  const layers = Array.from({ length: count }, (_, index) => join(folder, `layer-${"0123456789abcdef".repeat(8)}-${index}`));
  for (const [index, layer] of layers.entries()) {
    await mkdir(layer);
    await writeFile(join(layer, `file-${index}`), "");
    await writeFile(join(layer, "shared"), String(index));
  }
  return layers;
}

async function makeFolders(root: string, ...names: string[]): Promise<string[]> {
  for (const name of names) await mkdir(join(root, name));
  return names.map((name) => join(root, name));
}

describe.each(METHODS)("overlay mounted by %s", (method) => {
  const mount = (request: OverlayMount) => native.mountOverlay({ ...request, ...(method ? { method } : {}) } as OverlayMount);

  test("stacks 60 layers with long paths, the first on top", async () => {
    const folder = await temporaryFolder();
    const lowerDirs = await makeLayers(folder, 60);
    const [upper, work, target] = (await makeFolders(folder, "upper", "work", "target")) as [string, string, string];
    await mount({ lowerDirs, upper, work, target });
    expect(await readdir(target)).toHaveLength(61);
    expect(await readFile(join(target, "shared"), "utf8")).toBe("0");
    await writeFile(join(target, "new"), "x");
    await rm(join(target, "file-3"));
    expect((await readdir(upper)).sort()).toEqual(["file-3", "new"]);
    await native.unmount(target, 0);
    expect(await mountedAt(target)).toBe(false);
  });

  test("without an upper folder it is read-only", async () => {
    const folder = await temporaryFolder();
    const lowerDirs = await makeLayers(folder, 2);
    const [target] = (await makeFolders(folder, "target")) as [string];
    await mount({ lowerDirs, upper: null, work: null, target });
    await expect(writeFile(join(target, "x"), "")).rejects.toMatchObject({ code: "EROFS" });
  });

  test("a path with the characters of mount options is only a path", async () => {
    const folder = await temporaryFolder();
    const [odd, upper, work, target] = (await makeFolders(folder, "a:b,upperdir=c\\d", "u,x:y", "w:", "t,:")) as [
      string,
      string,
      string,
      string,
    ];
    await writeFile(join(odd, "here"), "");
    await mount({ lowerDirs: [odd], upper, work, target });
    expect(await readdir(target)).toEqual(["here"]);
  });
});

describe("overlay errors", () => {
  test("a missing layer is named", async () => {
    const folder = await temporaryFolder();
    const missing = join(folder, "missing");
    await expect(native.mountOverlay({ lowerDirs: [missing], upper: null, work: null, target: folder })).rejects.toMatchObject({
      code: "ENOENT",
      path: missing,
    });
  });

  test("more layers than the kernel takes are refused with its own reason", async () => {
    const folder = await temporaryFolder();
    const request = { lowerDirs: Array<string>(501).fill(folder), upper: null, work: null, target: folder, method: "descriptor" };
    await expect(native.mountOverlay(request)).rejects.toThrow(/EINVAL.*too many lower directories, limit is 500/);
    expect(await mountedAt(folder)).toBe(false);
  });

  test("what is not a working folder leaves nothing mounted", async () => {
    const folder = await temporaryFolder();
    const [lower, upper, target] = (await makeFolders(folder, "lower", "upper", "target")) as [string, string, string];
    await expect(native.mountOverlay({ lowerDirs: [lower], upper, work: upper, target })).rejects.toMatchObject({ code: "EINVAL" });
    expect(await mountedAt(target)).toBe(false);
  });

  test("no layer, and upper without work, are refused before any call", () => {
    expect(() => native.mountOverlay({ lowerDirs: [], upper: null, work: null, target: "/x" })).toThrow(RangeError);
    expect(() => native.mountOverlay({ lowerDirs: ["/"], upper: "/x", work: null, target: "/x" })).toThrow(TypeError);
    expect(() => native.mountOverlay({ lowerDirs: ["/a\0b"], upper: null, work: null, target: "/x" })).toThrow(/NUL/);
  });
});

describe("mount", () => {
  test("mounts a file system with its options and unmounts it", async () => {
    const folder = await temporaryFolder();
    const NOSUID = 2;
    await native.mount("tmpfs", folder, "tmpfs", NOSUID, "size=1m,mode=0750");
    expect(await mountedAt(folder)).toBe(true);
    await native.unmount(folder, 0);
    expect(await mountedAt(folder)).toBe(false);
  });

  test("errors carry code, syscall and path", async () => {
    await expect(native.unmount("/nowhere/at/all", 0)).rejects.toMatchObject({
      code: "ENOENT",
      errno: -2,
      syscall: "umount2",
      path: "/nowhere/at/all",
    });
  });
});
