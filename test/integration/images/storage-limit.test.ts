import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { open, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { packageRoot } from "../../../src/node/platform/index.ts";
import { addLayered } from "../../support/layered-image.ts";
import { until } from "../../support/poll.ts";
import { rawEntry } from "../../support/tar-bytes.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";

const MIB = 1024 ** 2;

let test: TestStore;
beforeEach(async () => {
  test = await openTestStore();
});
afterEach(() => test.remove());

async function chainIds(): Promise<string[]> {
  const image = await addLayered(test.store, "app:1", [[rawEntry({ name: "below", body: "below" })]]);
  await test.store.unpack(image, () => undefined, neverAborted());
  return image.chainIds;
}

/** Loop devices over files of this test's store. */
const loopDevices = () =>
  spawnSync("losetup", ["-l", "-n", "-O", "BACK-FILE"], { encoding: "utf8" })
    .stdout.split("\n")
    .filter((line) => line.includes(test.dataDir));

async function fill(path: string): Promise<number> {
  const file = await open(path, "w");
  try {
    for (let written = 0; ; written += MIB) {
      const failed = await file
        .write(Buffer.alloc(MIB, "x"))
        .then(() => file.sync())
        .catch((error: NodeJS.ErrnoException) => error.code);
      if (failed === "ENOSPC") return written;
      if (failed !== undefined) throw new Error(`writing failed with ${failed}`);
      if (written > 200 * MIB) return written;
    }
  } finally {
    await file.close();
  }
}

it("a container writes up to its storage limit, and what it deletes is free again, for it and for the host", async () => {
  const dir = test.containerDir("limited");
  const { rootfs } = await test.snapshots.mount(dir, await chainIds(), { writableBytes: 64 * MIB });
  const written = await fill(join(rootfs, "big"));
  expect(written).toBeGreaterThan(56 * MIB);
  expect(written).toBeLessThanOrEqual(64 * MIB);
  expect(await readFile(join(rootfs, "below"), "utf8")).toBe("below");
  const used = (await stat(join(dir, "writable.img"))).blocks * 512;
  expect(used).toBeGreaterThan(written);
  spawnSync("rm", [join(rootfs, "big")]);
  spawnSync("sync", ["-f", rootfs]);
  await until("the host to have the space back", 60, async () => (await stat(join(dir, "writable.img"))).blocks * 512 < used / 2);
  await writeFile(join(rootfs, "small"), "fits again");
});

it("what it wrote is there after it ended, and no loop device is left", async () => {
  const [dir, ids] = [test.containerDir("ended"), await chainIds()];
  const { rootfs } = await test.snapshots.mount(dir, ids, { writableBytes: 32 * MIB });
  await writeFile(join(rootfs, "result"), "42");
  const bytes = async () => Buffer.concat((await (await test.snapshots.diff(dir)).toArray()) as Buffer[]);
  const running = await bytes();
  expect(loopDevices()).toHaveLength(1);
  await test.snapshots.unmount(dir);
  // A container that starts at that moment holds copies of all mounts until it has left the host's root.
  await until("the loop device to go", 60, () => loopDevices().length === 0);
  expect((await bytes()).equals(running)).toBe(true);
  expect(running.includes("result")).toBe(true);
  expect(running.includes("lost+found")).toBe(false);
  await until("the loop device to go", 60, () => loopDevices().length === 0);
});

it("an agent killed at any moment of it leaves nothing that the next one does not take away", async () => {
  const [dir, ids] = [test.containerDir("killed"), await chainIds()];
  const script = `
    const root = process.argv[1];
    const { createSnapshots } = await import(root + "/dist/node/images/index.js");
    const { loadNative } = await import(root + "/dist/node/platform/index.js");
    const { systemClock } = await import(root + "/dist/shared/domain/index.js");
    const snapshots = createSnapshots({ dataDir: process.argv[2], native: loadNative(), clock: systemClock() });
    process.stdout.write("started");
    const idMapping = { uid: 300_000, gid: 400_000, count: 65_536 };
    for (let round = 0; ; round++) {
      const owners = round % 2 === 0 ? {} : { idMapping };
      await snapshots.mount(process.argv[3], JSON.parse(process.argv[4]), { writableBytes: ${32 * MIB}, ...owners });
      await snapshots.unmount(process.argv[3]);
    }`;
  for (let kill = 0; kill < 4; kill++) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script, packageRoot(), test.dataDir, dir, JSON.stringify(ids)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    setTimeout(() => child.kill("SIGKILL"), 17 + kill * 31);
    await once(child, "exit");
    // What mount(8) had begun it ends by itself.
    await until("everything to be gone", 60, async () => {
      await test.snapshots.unmount(dir);
      return loopDevices().length === 0;
    });
  }
  await writeFile(join((await test.snapshots.mount(dir, ids, { writableBytes: 32 * MIB })).rootfs, "again"), "");
});

it("a limit too small for a file system is refused", async () => {
  await expect(test.snapshots.mount(test.containerDir("tiny"), [], { writableBytes: 1000 })).rejects.toMatchObject({
    code: "invalid_request",
  });
});
