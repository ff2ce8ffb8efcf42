import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ImageTools } from "../../../src/node/images/index.ts";
import { addLayered, layersOf } from "../../support/layered-image.ts";
import { rawEntry, tarStream } from "../../support/tar-bytes.ts";
import { imageToolsOf, neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";

let test: TestStore;
let tools: ImageTools;
beforeEach(async () => {
  test = await openTestStore();
  tools = imageToolsOf(test);
});
afterEach(() => test.remove());

const quiet = () => undefined;
const noise = (bytes: number) => Buffer.from(Array.from({ length: bytes }, () => Math.floor(Math.random() * 256)));

it("ten images on one base take the base once, and the figures say so", async () => {
  const base = await addLayered(test.store, "base:1", [[rawEntry({ name: "base", body: noise(200_000) })]]);
  for (let index = 0; index < 10; index++) {
    const app = await addLayered(test.store, `app:${index}`, [...layersOf(base), [rawEntry({ name: "app", body: noise(1000) })]]);
    await test.store.unpack(app, quiet, neverAborted());
  }
  const usage = await tools.usage();
  const baseBytes = (base.layers[0]?.size ?? 0) + 200_704 + 4096;
  expect(usage.images).toHaveLength(11);
  expect(usage.layers).toMatchObject({ count: 11, unreachedBytes: 0 });
  expect(usage.savedBytes).toBe(10 * baseBytes);
  const app = usage.images.find(({ references }) => references[0]?.endsWith("app:3"));
  expect(app?.layers.map(({ images }) => images)).toEqual([11, 1]);
  expect(app?.sharedBytes).toBe(baseBytes);
  expect(app?.totalBytes).toBe((app?.sharedBytes ?? 0) + (app?.uniqueBytes ?? 0));
  expect(usage.blobs.bytes).toBeLessThan(1.1 * (base.layers[0]?.size ?? 0));
  expect(await tools.usage()).toEqual(usage);
});

it("what no image reaches is counted, and gone after prune", async () => {
  await test.store.addLayer(tarStream(rawEntry({ name: "x", body: noise(5000) })), neverAborted());
  const { blobs } = await tools.usage();
  expect(blobs.unreachedBytes).toBeGreaterThan(5000);
  // As the registry room links it: prune keeps it, so it is no promise of prune.
  const [digest = ""] = (await readdir(join(test.dataDir, "blobs/sha256"))).filter((name) => !name.startsWith("."));
  const links = join(test.dataDir, "registry/repositories/team+app/blobs");
  await mkdir(links, { recursive: true });
  await writeFile(join(links, `sha256-${digest}`), "");
  expect(await tools.usage()).toMatchObject({ blobs: { unreachedBytes: 0 }, registryBytes: blobs.unreachedBytes });
});
