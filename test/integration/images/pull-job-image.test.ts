import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createEnsureImage, type EnsureImage } from "../../../src/node/agent/ensure-image.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { createRegistryAccess, digestOf, MEDIA_TYPES, type RegistryAccess } from "../../../src/shared/oci/index.ts";
import { type HostileRegistry, imageManifest, randomLayer, startHostileRegistry } from "../../support/hostile-registry.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";

let registry: HostileRegistry;
let access: RegistryAccess;
let store: TestStore;
let ensure: EnsureImage;

beforeEach(async () => {
  registry = await startHostileRegistry();
  store = await openTestStore();
  access = createRegistryAccess({ env: { HOME: store.dataDir }, clock: systemClock() });
  ensure = createEnsureImage({ images: store.store, registries: access });
});
afterEach(async () => {
  await access.close();
  await store.remove();
  await registry.stop();
});

const get = (reference: string) => ensure(reference, () => undefined, neverAborted());
const blobPath = (digest: string | undefined) => join(store.dataDir, "blobs", "sha256", (digest ?? "").slice(7));

test("an image that is missing is pulled once, and used from then on whatever its tag becomes", async () => {
  const digest = registry.addImage("1", [await randomLayer(100)]);
  expect((await get(`${registry.host}/app:1`)).digest).toBe(digest);
  registry.addImage("1", [await randomLayer(100, "moved")]);
  registry.requests.length = 0;
  expect((await get(`${registry.host}/app:1`)).digest).toBe(digest);
  expect(registry.requests).toEqual([]);
});

test("a short name is this node's own: it is never asked for elsewhere", async () => {
  await expect(get("trainer:v2")).rejects.toMatchObject({ code: "image_not_found" });
});

test("asked always, the registry says what the tag is now; unreachable, nothing starts", async () => {
  const always = (reference: string) => ensure(reference, () => undefined, neverAborted(), "always");
  registry.addImage("1", [await randomLayer(100)]);
  await get(`${registry.host}/app:1`);
  const moved = registry.addImage("1", [await randomLayer(100, "moved")]);
  expect((await always(`${registry.host}/app:1`)).digest).toBe(moved);
  registry.misbehave = (_request, response) => {
    response.writeHead(403).end();
    return true;
  };
  await expect(always(`${registry.host}/app:1`)).rejects.toMatchObject({ code: "registry_denied" });
  await expect(always("trainer:v2")).rejects.toMatchObject({ code: "invalid_reference" });
  expect((await get(`${registry.host}/app:1`)).digest).toBe(moved);
});

test("the tag latest is looked up each time, another one or a digest is not", async () => {
  const digest = registry.addImage("latest", [await randomLayer(100)]);
  await get(`${registry.host}/app`);
  const moved = registry.addImage("latest", [await randomLayer(100, "moved")]);
  expect((await get(`${registry.host}/app`)).digest).toBe(moved);
  expect((await ensure(`${registry.host}/app`, () => undefined, neverAborted(), "missing")).digest).toBe(moved);
  registry.requests.length = 0;
  expect((await get(`${registry.host}/app@${digest}`)).digest).toBe(digest);
  expect(registry.requests).toEqual([]);
});

test("never asks nobody", async () => {
  const digest = registry.addImage("1", [await randomLayer(100)]);
  const never = () => ensure(`${registry.host}/app:1`, () => undefined, neverAborted(), "never");
  await expect(never()).rejects.toMatchObject({ code: "image_not_found" });
  expect(registry.requests).toEqual([]);
  await get(`${registry.host}/app:1`);
  expect((await never()).digest).toBe(digest);
});

test.each(["layer", "config", "manifest"] as const)("a damaged %s is put aside and fetched again", async (what) => {
  registry.addImage("1", [await randomLayer(5000)]);
  const image = await get(`${registry.host}/app:1`);
  const digest = { layer: image.layers[0]?.digest, config: image.configDigest, manifest: image.digest }[what];
  const good = what === "manifest" ? registry.manifests.get(image.digest)?.bytes : registry.blobs.get(digest ?? "");
  await writeFile(blobPath(digest), Buffer.alloc(good?.byteLength ?? 0, "x"));
  await rm(join(store.dataDir, "layers", (image.chainIds[0] ?? "").slice(7)), { recursive: true });
  const fresh = await store.openAgain();
  const again = createEnsureImage({ images: fresh, registries: access });
  expect((await again(`${registry.host}/app:1`, () => undefined, neverAborted())).digest).toBe(image.digest);
  expect((await fresh.get(`${registry.host}/app:1`)).references).toEqual(image.references);
  expect(await fresh.quarantine(image, neverAborted())).toEqual([]);
  await fresh.unpack(image, () => undefined, neverAborted());
});

test("what is fetched again comes from the registry of the name that was asked for, else from another of its names", async () => {
  registry.addImage("1", [await randomLayer(5000)]);
  const image = await get(`${registry.host}/app:1`);
  await store.store.tag(image.digest, `${registry.host}/aaa:1`);
  registry.misbehave = (request, response) => !!request.url?.includes("/aaa/") && !!response.writeHead(404).end();
  for (const asked of ["app:1", "aaa:1"]) {
    await writeFile(blobPath(image.layers[0]?.digest), "damaged");
    await rm(join(store.dataDir, "layers", (image.chainIds[0] ?? "").slice(7)), { recursive: true });
    const ensured = createEnsureImage({ images: await store.openAgain(), registries: access });
    expect((await ensured(`${registry.host}/${asked}`, () => undefined, neverAborted())).digest).toBe(image.digest);
  }
});

test("a layer compressed with zstd is unpacked", async () => {
  const layer = await randomLayer(300_000);
  await writeFile(join(store.dataDir, "layer.tar"), layer);
  await promisify(execFile)("zstd", ["-q", join(store.dataDir, "layer.tar")]);
  const { stdout } = await promisify(execFile)("cat", [join(store.dataDir, "layer.tar.zst")], { encoding: "buffer" });
  const manifest = imageManifest(registry, [layer]);
  const zstd = { mediaType: MEDIA_TYPES.layerZstd, ...registry.addBlob(stdout) };
  registry.addManifest({ ...manifest, layers: [zstd] }, MEDIA_TYPES.manifest, "zstd");
  expect((await get(`${registry.host}/app:zstd`)).chainIds).toEqual([digestOf(layer)]);

  const damaged = Buffer.from(stdout);
  damaged.fill(0xff, 1000, 2000);
  registry.addManifest({ ...manifest, layers: [{ ...zstd, ...registry.addBlob(damaged) }] }, MEDIA_TYPES.manifest, "damaged");
  await store.store.remove(`${registry.host}/app:zstd`);
  await store.store.prune(new Set());
  await expect(get(`${registry.host}/app:damaged`)).rejects.toMatchObject({ code: expect.stringMatching(/layer_invalid|digest_mismatch/) });
});
