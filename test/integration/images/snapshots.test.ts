import { spawnSync } from "node:child_process";
import { chmod, chown, link, lutimes, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Image, StoredLayer } from "../../../src/node/images/index.ts";
import { addLayered } from "../../support/layered-image.ts";
import { paxEntry, rawEntry, tarStream } from "../../support/tar-bytes.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";

let test: TestStore;
afterEach(() => test.remove());

const signal = neverAborted();
const quiet = () => undefined;

async function commit(layers: StoredLayer[]): Promise<Image> {
  const image = await addLayered(test.store, null, layers);
  await test.store.unpack(image, quiet, signal);
  return image;
}

const layer = (...parts: Buffer[]) => test.store.addLayer(tarStream(...parts), signal);

/** Everything that a program in the container can tell about the files, one line each. */
function describeTree(folder: string): string {
  const script = `cd "$0" && find . -printf '%p %y %m %U %G %T@ %n %l\\n' | grep -v '^\\. ' | sort && find . -type f -exec sha256sum {} + | sort -k2`;
  return spawnSync("/bin/sh", ["-c", script, folder], { encoding: "utf8" }).stdout;
}

const base = () =>
  layer(
    rawEntry({ name: "./", type: "5", mode: "0000755" }),
    rawEntry({ name: "etc/", type: "5", mode: "0000755" }),
    rawEntry({ name: "etc/passwd", body: "root:x:0:0::/:/bin/sh\n" }),
    rawEntry({ name: "etc/old", body: "old" }),
    rawEntry({ name: "data/", type: "5", mode: "0000750", uid: "0001750" }),
    rawEntry({ name: "data/a", body: "a" }),
    rawEntry({ name: "data/b", body: "b" }),
    rawEntry({ name: "gone/", type: "5", mode: "0000755" }),
    rawEntry({ name: "gone/x", body: "x" }),
    rawEntry({ name: "tmp/", type: "5", mode: "0001777" }),
  );

describe.each(["overlay2", "vfs"] as const)("by the driver %s", (driver) => {
  beforeEach(async () => {
    test = await openTestStore(driver);
  });

  describe("a container's files", () => {
    it("are the same after a commit and a fresh unpack of what the container changed", async () => {
      const first = await base();
      const dir = test.containerDir("one");
      const { rootfs } = await test.snapshots.mount(dir, (await commit([first])).chainIds);
      await writeFile(join(rootfs, "etc/new"), "new", { mode: 0o640 });
      await writeFile(join(rootfs, "etc/passwd"), "changed\n");
      await rm(join(rootfs, "etc/old"));
      await rm(join(rootfs, "gone"), { recursive: true });
      await rm(join(rootfs, "data"), { recursive: true });
      await mkdir(join(rootfs, "data"));
      await writeFile(join(rootfs, "data/c"), "c");
      await link(join(rootfs, "data/c"), join(rootfs, "data/d"));
      await symlink("../etc/new", join(rootfs, "data/link"));
      await lutimes(join(rootfs, "data/link"), 1, 1.25);
      await chown(join(rootfs, "data/c"), 70_000, 4_000_000_000);
      await chmod(join(rootfs, "data/c"), 0o4711);
      await writeFile(join(rootfs, "ünïcode name"), "");
      await mkdir(join(rootfs, "deep".concat("/deeper".repeat(30))), { recursive: true });
      spawnSync("mkfifo", [join(rootfs, "tmp/pipe")]);
      spawnSync("setcap", ["cap_net_raw+ep", join(rootfs, "etc/new")]);
      const expected = describeTree(rootfs);
      await test.snapshots.unmount(dir);

      const second = await test.store.addLayer(await test.snapshots.diff(dir), signal);
      const again = test.containerDir("two");
      const fresh = await test.snapshots.mount(again, (await commit([first, second])).chainIds);
      expect(describeTree(fresh.rootfs)).toBe(expected);
      expect(await readdir(join(fresh.rootfs, "data"))).toEqual(["c", "d", "link"]);
      expect(
        await test.snapshots
          .diff(again)
          .then((tar) => tar.toArray())
          .then((chunks) => Buffer.concat(chunks as Buffer[]).equals(Buffer.alloc(1024))),
      ).toBe(true);
    });

    it("give the same bytes whenever they are compared", async () => {
      const dir = test.containerDir("one");
      const { rootfs } = await test.snapshots.mount(dir, (await commit([await base()])).chainIds);
      for (const name of ["z", "a", "m"]) await writeFile(join(rootfs, name), name);
      await rename(join(rootfs, "z"), join(rootfs, "b"));
      const bytes = async () => Buffer.concat((await (await test.snapshots.diff(dir)).toArray()) as Buffer[]);
      expect((await bytes()).equals(await bytes())).toBe(true);
    });

    it("are mounted once however often it is asked, and unmounted without a trace", async () => {
      const { chainIds } = await commit([await base()]);
      const dir = test.containerDir("one");
      const mounts = async () => (await readFile("/proc/self/mountinfo", "utf8")).split("\n").filter((line) => line.includes(dir));
      await test.snapshots.mount(dir, chainIds);
      await test.snapshots.mount(dir, chainIds);
      expect(await mounts()).toHaveLength(driver === "overlay2" ? 1 : 0);
      await test.snapshots.unmount(dir);
      await test.snapshots.unmount(dir);
      expect(await mounts()).toEqual([]);
    });

    it("keep what was written when they are mounted again", async () => {
      const { chainIds } = await commit([await base()]);
      const dir = test.containerDir("one");
      await writeFile(join((await test.snapshots.mount(dir, chainIds)).rootfs, "kept"), "1");
      await test.snapshots.unmount(dir);
      expect(await readFile(join((await test.snapshots.mount(dir, chainIds)).rootfs, "kept"), "utf8")).toBe("1");
    });

    it("may stand on no layer at all", async () => {
      const { rootfs } = await test.snapshots.mount(test.containerDir("one"), []);
      expect(await readdir(rootfs)).toEqual([]);
    });

    it("are not mounted when a layer is missing", async () => {
      await expect(test.snapshots.mount(test.containerDir("one"), [`sha256:${"0".repeat(64)}`])).rejects.toMatchObject({
        code: "image_not_found",
      });
    });
  });

  describe("stacked layers", () => {
    const view = async (...layers: StoredLayer[]) =>
      (await test.snapshots.mount(test.containerDir("view"), (await commit(layers)).chainIds)).rootfs;

    it("delete by whiteouts and hide by opaque marks, wherever the mark stands in its layer", async () => {
      const top = await layer(
        rawEntry({ name: "etc/.wh.old" }),
        rawEntry({ name: "data/new", body: "n" }),
        rawEntry({ name: "data/.wh..wh..opq" }),
        rawEntry({ name: ".wh.gone" }),
      );
      const rootfs = await view(await base(), top);
      expect(await readdir(join(rootfs, "etc"))).toEqual(["passwd"]);
      expect(await readdir(join(rootfs, "data"))).toEqual(["new"]);
      expect((await readdir(rootfs)).sort()).toEqual(["data", "etc", "tmp"]);
    });

    it("replace a folder when one layer both deletes and makes it", async () => {
      const rootfs = await view(
        await base(),
        await layer(rawEntry({ name: ".wh.data" }), rawEntry({ name: "data/", type: "5", mode: "0000755" }), rawEntry({ name: "data/n" })),
      );
      expect(await readdir(join(rootfs, "data"))).toEqual(["n"]);
    });

    it("hide everything when the root itself is opaque", async () => {
      const rootfs = await view(
        await base(),
        await layer(rawEntry({ name: ".wh..wh..opq" }), rawEntry({ name: "only", body: "1" })),
        await layer(rawEntry({ name: "above" })),
      );
      expect((await readdir(rootfs)).sort()).toEqual(["above", "only"]);
    });

    it("keep owner and mode of folders that a layer only implies", async () => {
      const rootfs = await view(await base(), await layer(rawEntry({ name: "tmp/file" }), rawEntry({ name: "data/file" })));
      expect(describeTree(rootfs)).toMatch(/\.\/tmp d 1777 0 0 /);
      expect(describeTree(rootfs)).toMatch(/\.\/data d 750 1000 0 /);
      expect(spawnSync("stat", ["-c", "%a", rootfs], { encoding: "utf8" }).stdout).toBe("755\n");
    });

    it("keep times to the nanosecond", async () => {
      const rootfs = await view(
        await layer(
          paxEntry({ mtime: "1700000000.123456789" }),
          rawEntry({ name: "f" }),
          paxEntry({ mtime: "5.5" }),
          rawEntry({ name: "d", type: "5" }),
        ),
      );
      expect(describeTree(rootfs)).toContain("./f f 644 0 0 1700000000.1234567890");
      expect(describeTree(rootfs)).toContain("./d d 644 0 0 5.5000000000");
    });

    it("are unpacked once, also when many ask at the same time", async () => {
      const image = await commit([await base()]);
      await rm(join(test.dataDir, "layers", image.chainIds[0]?.slice(7) ?? ""), { recursive: true });
      const other = await test.openAgain();
      await Promise.all([test.store, test.store, other].map((store) => store.unpack(image, quiet, signal)));
      expect(await readdir(join(test.dataDir, "layers"))).toEqual([image.chainIds[0]?.slice(7)]);
    });
  });
});
