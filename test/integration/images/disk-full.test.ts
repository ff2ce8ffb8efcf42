import { execFile } from "node:child_process";
import { mkdtemp, open, rm, rmdir, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { createImageStore } from "../../../src/node/images/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { neverAborted } from "../../support/test-store.ts";
import { addTinyImage } from "../../support/tiny-image.ts";

const run = promisify(execFile);

/** Writes until nothing more fits. */
async function fillUp(path: string): Promise<void> {
  const file = await open(path, "w");
  try {
    for (;;) await file.write(Buffer.alloc(4096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    await file.close();
  }
}

it("a full disk refuses a new name in words, and gives an image's space back when it is removed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "berth-full-"));
  await run("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", folder]);
  const open = () => createImageStore({ dataDir: join(folder, "data"), native: loadNative(), clock: systemClock() });
  let store = await open();
  try {
    const image = await addTinyImage(store, "tiny:1");
    await store.tag("tiny:1", "tiny:2");
    await fillUp(join(folder, "ballast"));
    await expect(store.tag("tiny:1", "tiny:3")).rejects.toMatchObject({ code: "insufficient_storage" });
    await expect(store.unpack(image, () => undefined, neverAborted())).rejects.toMatchObject({ code: "insufficient_storage" });
    expect((await store.remove("tiny:2")).untagged).toEqual(["docker.io/library/tiny:2"]);
    await fillUp(join(folder, "more"));
    // What was set aside is spent.
    await expect(store.remove("tiny:1")).rejects.toMatchObject({ code: "insufficient_storage" });
    await rm(join(folder, "more"));
    await store.close();
    store = await open();
    expect((await store.remove("tiny:1")).deleted).toEqual([image.digest]);
    expect((await store.prune(new Set())).freedBytes).toBeGreaterThan(500_000);
    expect((await statfs(folder)).bavail).toBeGreaterThan(100);
  } finally {
    await store.close();
    await run("umount", [folder]);
    await rmdir(folder);
  }
});
