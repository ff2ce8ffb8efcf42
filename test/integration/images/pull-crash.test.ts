import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packageRoot } from "../../../src/node/platform/index.ts";
import { type HostileRegistry, randomLayer, startHostileRegistry } from "../../support/hostile-registry.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";

const WORKER = fileURLToPath(new URL("../../support/pull-worker.mjs", import.meta.url));
const MIB = 1024 * 1024;
const KILLS = 8;

let registry: HostileRegistry;
let store: TestStore;
const workers: ChildProcess[] = [];

beforeEach(async () => {
  registry = await startHostileRegistry();
  store = await openTestStore();
});
afterEach(async () => {
  for (const worker of workers.splice(0)) worker.kill("SIGKILL");
  await store.remove();
  await registry.stop();
});

function startPull(): { child: ChildProcess; exit: Promise<unknown[]> } {
  const child = spawn(process.execPath, [WORKER, packageRoot(), store.dataDir, `${registry.host}/app:1`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  workers.push(child);
  return { child, exit: once(child, "exit") };
}

/** Nothing half done is left, and the image is whole. */
async function expectWhole(layers: number): Promise<void> {
  const fresh = await store.openAgain();
  const [image, ...others] = await fresh.list();
  expect(others).toEqual([]);
  expect(image?.layers).toHaveLength(layers);
  if (image === undefined) return;
  expect(await fresh.quarantine(image, neverAborted())).toEqual([]);
  await fresh.unpack(image, () => undefined, neverAborted());
  expect(await readdir(join(store.dataDir, "partials"))).toEqual([]);
  expect(await readdir(join(store.dataDir, "layers"))).toHaveLength(layers);
}

test("a pull whose process is killed at any moment leaves no half image, and the next one completes it", async () => {
  registry.addImage("1", [await randomLayer(20 * MIB), await randomLayer(3 * MIB, "two")]);
  for (let kill = 0; kill < KILLS; kill++) {
    // Slower each time, so that the kills meet every stage.
    registry.misbehave = (request, response) => {
      if (request.headers.range === undefined || kill % 2 === 0) return false;
      setTimeout(() => response.destroy(), 30 * kill);
      return true;
    };
    const { child, exit } = startPull();
    await once(child.stdout as NodeJS.ReadableStream, "data");
    setTimeout(() => child.kill("SIGKILL"), kill * 25);
    await exit;
    const fresh = await store.openAgain();
    for (const image of await fresh.list()) expect(await fresh.has(image.layers.map((layer) => layer.digest))).toBe(true);
  }
  registry.misbehave = () => false;
  const { exit } = startPull();
  expect(await exit).toEqual([0, null]);
  await expectWhole(2);
});

test("two processes that pull the same image fetch each of its blobs once", async () => {
  const digest = registry.addImage("1", [await randomLayer(20 * MIB), await randomLayer(3 * MIB, "two")]);
  const exits = [startPull(), startPull()].map(({ exit }) => exit);
  expect(await Promise.all(exits)).toEqual([
    [0, null],
    [0, null],
  ]);
  const asked = registry.seen("GET", "/blobs/").map(({ path, headers }) => `${path} ${headers.range ?? ""}`);
  expect(asked).toEqual([...new Set(asked)]);
  await expectWhole(2);
  expect((await store.store.get(`${registry.host}/app:1`)).digest).toBe(digest);
});
