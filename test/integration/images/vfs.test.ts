import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createSnapshots, probeDriver } from "../../../src/node/images/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";
import { addTinyImage, TINY_IMAGE } from "../../support/tiny-image.ts";

let test: TestStore;
let chainIds: string[];

beforeEach(async () => {
  test = await openTestStore("vfs");
  await addTinyImage(test.store);
  const image = await test.store.get(TINY_IMAGE);
  await test.store.unpack(image, () => undefined, neverAborted());
  chainIds = image.chainIds;
});
afterEach(() => test.remove());

it("a copy shares no file with the layers or another copy, and one that a kill cut short is made anew", async () => {
  const [one, two] = [test.containerDir("one"), test.containerDir("two")];
  await mkdir(join(one, "rootfs/half"), { recursive: true });
  const places = [await test.snapshots.mount(one, chainIds), await test.snapshots.mount(two, chainIds)];
  expect(await readdir(places[0]?.rootfs as string)).not.toContain("half");
  const [layer] = await test.snapshots.lowerDirs(chainIds);
  const inodes = [layer as string, ...places.map(({ rootfs }) => rootfs)].map(
    async (folder) => (await stat(join(folder, "etc/passwd"))).ino,
  );
  expect(new Set(await Promise.all(inodes)).size).toBe(3);
});

it("what a copy holds is read by an agent of the other driver too", async () => {
  const dir = test.containerDir("one");
  const { rootfs } = await test.snapshots.mount(dir, chainIds);
  await writeFile(join(rootfs, "root/new"), "new");
  const other = createSnapshots({ dataDir: test.dataDir, native: test.native, clock: systemClock() });
  const upper = await other.openUpper(dir);
  expect([await upper.list(""), await upper.list("root")]).toEqual([["root"], ["new"]]);
  upper.close();
});

it("a storage limit is refused", async () => {
  await expect(test.snapshots.mount(test.containerDir("one"), chainIds, { writableBytes: 64 * 2 ** 20 })).rejects.toThrow(
    /needs overlayfs/,
  );
});

it("overlayfs is taken where it mounts", async () => {
  const { dataDir, native } = test;
  const probe = (mountOverlay: typeof native.mountOverlay) =>
    probeDriver({ dataDir, native: { ...native, mountOverlay }, clock: systemClock(), wanted: "auto" });
  expect(await probe(native.mountOverlay)).toMatchObject({ driver: "overlay2" });
  const refused = () => Promise.reject(new Error("ENODEV: no such device, fsopen 'overlay'"));
  expect(await probe(refused)).toEqual({
    driver: "vfs",
    reason: "the kernel mounts no overlayfs here: ENODEV: no such device, fsopen 'overlay'",
  });
  expect(await readdir(dataDir)).not.toContain("overlay-probe");
});
