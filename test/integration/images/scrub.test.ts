import { rmSync } from "node:fs";
import { readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Image, type ImageTools, storePaths } from "../../../src/node/images/index.ts";
import { addLayered, layersOf } from "../../support/layered-image.ts";
import { rawEntry } from "../../support/tar-bytes.ts";
import { imageToolsOf, neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";

let test: TestStore;
let tools: ImageTools;
beforeEach(async () => {
  test = await openTestStore();
  tools = imageToolsOf(test);
});
afterEach(() => test.remove());

const signal = neverAborted();
const quiet = () => undefined;
const scrub = (options: { unpacked?: boolean; inUse?: ReadonlySet<string> } = {}) =>
  tools.scrub({ bytesPerSecond: null, unpacked: false, inUse: new Set(), ...options }, quiet, signal);

async function baseAndApp(): Promise<{ base: Image; app: Image }> {
  const base = await addLayered(test.store, "base:1", [[rawEntry({ name: "etc/", type: "5" }), rawEntry({ name: "etc/a", body: "aaa" })]]);
  const app = await addLayered(test.store, "app:1", [...layersOf(base), [rawEntry({ name: "b", body: "bbb" })]]);
  return { base, app };
}

const blobPath = (digest: string) => storePaths(test.dataDir).blob(digest);

/** One byte is another one: the size stays. */
async function damage(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.byteLength >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

describe("verify", () => {
  it("finds an image whole, and names the blob that is not, or is gone, or is short", async () => {
    const { app } = await baseAndApp();
    const report = await tools.verify("app:1", quiet, signal);
    expect(report).toMatchObject({ whole: true, digest: app.digest });
    expect(report.blobs.map(({ kind }) => kind)).toEqual(["manifest", "config", "layer", "layer"]);

    await damage(blobPath(app.layers[1]?.digest ?? ""));
    expect((await tools.verify("app:1", quiet, signal)).blobs.filter(({ problem }) => problem !== null)).toEqual([
      expect.objectContaining({ kind: "layer", digest: app.layers[1]?.digest, problem: "damaged" }),
    ]);
    await truncate(blobPath(app.layers[0]?.digest ?? ""), 3);
    const problems = async () => (await tools.verify("app:1", quiet, signal)).blobs.map(({ problem }) => problem);
    expect(await problems()).toEqual([null, null, "damaged", "damaged"]);
    await damage(blobPath(app.digest));
    expect(await (await reopenedTools()).verify("app:1", quiet, signal)).toMatchObject({
      whole: false,
      blobs: [{ kind: "manifest", problem: "damaged" }],
    });
  });
});

async function reopenedTools(): Promise<ImageTools> {
  return imageToolsOf({ ...test, store: await test.openAgain() });
}

describe("scrub", () => {
  it("moves damaged blobs to quarantine, says which images lack them, and leaves the whole ones alone", async () => {
    const { base, app } = await baseAndApp();
    expect(await scrub()).toMatchObject({ quarantinedBlobs: [], damagedImages: [], checkedBlobs: 6 });
    const own = app.layers[1]?.digest ?? "";
    await damage(blobPath(own));
    expect(await scrub()).toMatchObject({ quarantinedBlobs: [own], damagedImages: [{ digest: app.digest, missing: [own] }] });
    expect(await readdir(join(test.dataDir, "quarantine"))).toEqual([expect.stringMatching(new RegExp(`^${own.slice(7)}-`))]);
    expect(await scrub()).toMatchObject({ checkedBlobs: 5, quarantinedBlobs: [] });
    expect((await tools.verify("base:1", quiet, signal)).whole).toBe(true);
    expect(base.layers[0]?.digest).toBe(app.layers[0]?.digest);
  });

  it("keeps an image with a quarantined layer from starting until it is taken in again, unpacked or not", async () => {
    const { app } = await baseAndApp();
    await test.store.unpack(app, quiet, signal);
    const archive = Buffer.concat((await (await test.store.save(["app:1"], signal)).toArray()) as Buffer[]);
    await damage(blobPath(app.layers[0]?.digest ?? ""));
    await scrub();
    await expect(test.store.unpack(app, quiet, signal)).rejects.toMatchObject({
      code: "image_invalid",
      message: expect.stringMatching(/app:1.*damaged.*quarantine/),
    });
    await test.store.load(Readable.from([archive]), quiet, signal);
    await test.store.unpack(app, quiet, signal);
    expect((await tools.verify("app:1", quiet, signal)).whole).toBe(true);
  });

  it("lets the other images be listed, pruned and removed when a manifest is damaged", async () => {
    const { base, app } = await baseAndApp();
    await damage(blobPath(app.digest));
    const store = await test.openAgain();
    expect((await store.list()).map(({ digest }) => digest)).toEqual([base.digest]);
    expect(
      (await (await reopenedTools()).scrub({ bytesPerSecond: null, unpacked: false, inUse: new Set() }, quiet, signal)).damagedImages,
    ).toEqual([{ digest: app.digest, references: ["docker.io/library/app:1"], missing: [app.digest] }]);
    await store.prune(new Set());
    expect(await store.remove("app:1")).toMatchObject({ deleted: [app.digest] });
    expect((await tools.verify("base:1", quiet, signal)).whole).toBe(true);
  });

  it("seals unpacked layers at the first look and takes away those that changed, but for those in use", async () => {
    const { app } = await baseAndApp();
    await test.store.unpack(app, quiet, signal);
    expect((await scrub({ unpacked: true })).layers).toMatchObject({ checked: 2, sealed: 2, quarantined: [] });
    expect((await scrub({ unpacked: true })).layers).toMatchObject({ checked: 2, sealed: 0, quarantined: [] });
    const [bottom = ""] = app.chainIds;
    await damage(join(storePaths(test.dataDir).layerFiles(bottom), "etc/a"));
    expect((await scrub({ unpacked: true, inUse: new Set([bottom]) })).layers).toMatchObject({ damagedInUse: [bottom], quarantined: [] });
    expect((await scrub({ unpacked: true })).layers).toMatchObject({ damagedInUse: [], quarantined: [bottom] });
    await test.store.unpack(app, quiet, signal);
    expect((await scrub({ unpacked: true })).layers).toMatchObject({ sealed: 1, quarantined: [] });
  });

  it("passes over a layer that is pruned as it is about to be read", async () => {
    const { app } = await baseAndApp();
    await test.store.unpack(app, quiet, signal);
    const [, top = ""] = app.chainIds;
    const prune = ({ detail = "" }) => {
      if (detail.endsWith(top)) rmSync(storePaths(test.dataDir).layer(top), { recursive: true });
    };
    const { layers } = await tools.scrub({ bytesPerSecond: null, unpacked: true, inUse: new Set() }, prune, signal);
    expect(layers).toMatchObject({ checked: 1, sealed: 1, quarantined: [] });
  });

  it("stops when it is told", async () => {
    await baseAndApp();
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(tools.scrub({ bytesPerSecond: null, unpacked: true, inUse: new Set() }, quiet, controller.signal)).rejects.toThrow(
      "enough",
    );
  });
});
