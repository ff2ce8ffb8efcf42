import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { packageRoot } from "../../../src/node/platform/index.ts";
import { until } from "../../support/poll.ts";
import { processes } from "../../support/processes.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";

const WORKER = fileURLToPath(new URL("../../support/store-worker.mjs", import.meta.url));
const KILLS = 12;

let test: TestStore;
let worker: ChildProcess | null = null;
beforeEach(async () => {
  test = await openTestStore();
});
afterEach(async () => {
  worker?.kill("SIGKILL");
  await test.remove();
});

async function runAndKill(afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [WORKER, packageRoot(), test.dataDir], { stdio: ["ignore", "pipe", "inherit"], detached: true });
  worker = child;
  await once(child.stdout, "data");
  const timer = setTimeout(() => child.kill("SIGKILL"), afterMs);
  const [code, signal] = await once(child, "exit");
  clearTimeout(timer);
  expect([code, signal]).toEqual([null, "SIGKILL"]);
  // A child that has yet to execute its program has the dead process's files open, its locks too.
  await until("its children to be gone", 60, () => !processes().some(({ group }) => group === child.pid));
}

it("a store whose process is killed at any moment has only whole images, and no leftovers after the next start", async () => {
  for (let kill = 0; kill < KILLS; kill++) {
    await runAndKill(kill * 23);
    const store = await test.openAgain();
    const images = await store.list();
    for (const image of images) {
      expect(await store.has([image.digest, image.configDigest, ...image.layers.map(({ digest }) => digest)])).toBe(true);
      await store.unpack(image, () => undefined, neverAborted());
      for (const chainId of image.chainIds) expect(await readdir(join(test.dataDir, "layers", chainId.slice(7), "fs"))).toHaveLength(200);
    }
    // The test's own sessions are the living ones.
    expect(await readdir(join(test.dataDir, "ingest"))).toHaveLength(kill + 2);
  }
  await test.store.prune(new Set());
  const images = await test.store.list();
  expect(await readdir(join(test.dataDir, "layers"))).toHaveLength(images.length);
  expect(await readdir(join(test.dataDir, "blobs/sha256"))).toHaveLength(3 * images.length);
});
