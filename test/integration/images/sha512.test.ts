import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Image } from "../../../src/node/images/index.ts";
import { MEDIA_TYPES, type RegistryAccess } from "../../../src/shared/oci/index.ts";
import { hostilePulls } from "../../support/hostile-pulls.ts";
import { imageManifest, randomLayer } from "../../support/hostile-registry.ts";
import { openTestRegistry, sha512, type TestRegistry } from "../../support/registry-server.ts";
import { imageToolsOf, neverAborted, openTestStore } from "../../support/test-store.ts";
import { testAccess } from "../../support/trust-policy.ts";

// Everything in these images is named by sha512: manifest, config, layers and diff IDs.
const pulls = hostilePulls();
const signal = neverAborted();
const quiet = () => undefined;
let ours: TestRegistry;
let access: RegistryAccess;
beforeEach(async () => {
  ours = await openTestRegistry();
  access = testAccess(ours.dataDir);
});
afterEach(async () => {
  await access.close();
  await ours.remove();
});

/** An image that the hostile registry serves at `tag` and at its sha512 digest. */
async function addLong(tag: string): Promise<string> {
  const layers = [await randomLayer(3000, "below"), await randomLayer(3000, "above")];
  return pulls.registry.addManifest(imageManifest(pulls.registry, layers, sha512), MEDIA_TYPES.manifest, tag, sha512);
}

const pullFrom = async (reference: string): Promise<Image> =>
  pulls.store.store.pull({ reference, platform: null, client: await access.clientFor(reference, null) }, quiet, signal);
const blobsOf = (algorithm: string, dataDir = pulls.store.dataDir) => readdir(join(dataDir, "blobs", algorithm));
const blobsIn = ({ digest, configDigest, layers }: Image) => [digest, configDigest, ...layers.map((layer) => layer.digest)];

test("an image named by sha512 is pulled by it from our registry after a push there, mounted, and found by the start of its digest", async () => {
  const digest = await addLong("1");
  const request = { reference: `${pulls.registry.host}/app@${digest}`, platform: null, client: pulls.clientOf() };
  const image = await pulls.store.store.pull(request, quiet, signal);
  expect(image.digest).toBe(digest);
  await pulls.store.store.tag(digest, `127.0.0.1:${ours.port}/team/app:1`);
  const target = `127.0.0.1:${ours.port}/team/app:1`;
  await pulls.store.store.push({ reference: target, client: await access.clientFor(target, null) }, quiet, signal);
  await pulls.store.store.remove(digest, true);
  await pulls.store.store.prune(new Set());
  expect(await blobsOf("sha512")).toEqual([]);

  const again = await pullFrom(`127.0.0.1:${ours.port}/team/app@${digest}`);
  expect({ ...again, references: [] }).toEqual({ ...image, references: [] });
  expect([await blobsOf("sha256"), (await blobsOf("sha512")).length]).toEqual([[], 4]);
  expect((await pulls.store.store.get(digest.slice(0, 20))).digest).toBe(digest);
  const { rootfs } = await pulls.store.snapshots.mount(pulls.store.containerDir("c"), again.chainIds);
  expect((await readdir(rootfs)).sort()).toEqual(["above", "below"]);
  // By its tag the same manifest has a sha256 digest, as every registry gives it.
  const tagged = await pullFrom(target);
  expect([tagged.digest.slice(0, 7), tagged.chainIds]).toEqual(["sha256:", image.chainIds]);
});

test("its blobs and layers are kept by prune, counted, verified, and quarantined when they are damaged", async () => {
  const digest = await addLong("1");
  const pull = (repair: boolean) =>
    pulls.store.store.pull(
      { reference: `${pulls.registry.host}/app@${digest}`, platform: null, client: pulls.clientOf(), repair },
      quiet,
      signal,
    );
  const image = await pull(false);
  const tools = imageToolsOf(pulls.store);
  expect(await pulls.store.store.prune(new Set())).toEqual({ freedBytes: 0 });
  expect(await pulls.store.store.has(blobsIn(image))).toBe(true);
  expect(await tools.usage()).toMatchObject({ blobs: { count: 4, unreachedBytes: 0 }, layers: { count: 2, unreachedBytes: 0 } });
  expect((await tools.verify(digest, quiet, signal)).whole).toBe(true);
  const damaged = image.layers[1]?.digest ?? "";
  const path = join(pulls.store.dataDir, "blobs", "sha512", damaged.slice(7));
  const bytes = await readFile(path);
  await writeFile(path, Buffer.concat([bytes.subarray(0, -1), Buffer.from("x")]));
  const scrub = () => tools.scrub({ bytesPerSecond: null, unpacked: true, inUse: new Set() }, quiet, signal);
  expect(await scrub()).toMatchObject({
    checkedBlobs: 4,
    quarantinedBlobs: [damaged],
    layers: { checked: 2, quarantined: [] },
    damagedImages: [{ digest, missing: [damaged] }],
  });
  await expect(pulls.store.store.unpack(image, quiet, signal)).rejects.toThrow(/in quarantine/);
  await pull(true);
  expect(await scrub()).toMatchObject({ quarantinedBlobs: [], damagedImages: [] });
});

test("it is saved in both formats and loaded again, with its digest where the format has one", async () => {
  const digest = await addLong("1");
  await pulls.store.store.pull(
    { reference: `${pulls.registry.host}/app@${digest}`, platform: null, client: pulls.clientOf() },
    quiet,
    signal,
  );
  const other = await openTestStore();
  try {
    const load = async (format: "oci-archive" | "docker-archive") =>
      (await other.store.load(await pulls.store.store.save([digest], signal, format), quiet, signal))[0] as Image;
    expect((await load("oci-archive")).digest).toBe(digest);
    expect((await blobsOf("sha512", other.dataDir)).length).toBe(4);
    // A docker-archive has no manifest: it is made here.
    const { config } = await load("docker-archive");
    expect(config).toEqual((await other.store.get(digest)).config);
  } finally {
    await other.remove();
  }
});

test("bytes whose sha256 would be right and whose sha512 is wrong are refused, and so is such a diff ID", async () => {
  const layer = await randomLayer(2000);
  const manifest = imageManifest(pulls.registry, [layer], sha512);
  const wrong = sha512("something else");
  const named = { ...manifest, layers: [{ ...manifest.layers[0], digest: wrong }] };
  pulls.registry.blobs.set(wrong, layer);
  pulls.registry.addManifest(named, MEDIA_TYPES.manifest, "layer");
  await expect(pulls.pull("layer")).rejects.toMatchObject({ code: "digest_mismatch" });
  expect(pulls.registry.seen("GET", `/blobs/${wrong}`)).toHaveLength(2);
  expect(await pulls.store.store.has([wrong])).toBe(false);

  const config = JSON.parse(pulls.registry.blobs.get(manifest.config.digest)?.toString() ?? "");
  config.rootfs.diff_ids = [wrong];
  const lying = { ...manifest.config, ...pulls.registry.addBlob(Buffer.from(JSON.stringify(config)), sha512) };
  pulls.registry.addManifest({ ...manifest, config: lying }, MEDIA_TYPES.manifest, "diff");
  await expect(pulls.pull("diff")).rejects.toThrow(/the image config says sha512:/);

  const digest = pulls.registry.addManifest(manifest, MEDIA_TYPES.manifest, "other", () => sha512("another manifest"));
  const request = { reference: `${pulls.registry.host}/app@${digest}`, platform: null, client: pulls.clientOf() };
  await expect(pulls.store.store.pull(request, quiet, signal)).rejects.toMatchObject({ code: "digest_mismatch" });
  expect(await pulls.store.store.list()).toEqual([]);
});

test.each([
  ["sha512 with too few digits", `sha512:${"a".repeat(64)}`],
  ["sha256 with too many digits", `sha256:${"a".repeat(128)}`],
  ["upper case", `sha512:${"A".repeat(128)}`],
  ["another algorithm", `sha384:${"a".repeat(96)}`],
  ["a path", `sha512:${"../".repeat(43).slice(0, 128)}`],
])("a layer named by %s is refused with the place in the manifest", async (_what, digest) => {
  const manifest = imageManifest(pulls.registry, [await randomLayer(10)]);
  pulls.registry.addManifest({ ...manifest, layers: [{ ...manifest.layers[0], digest }] }, MEDIA_TYPES.manifest, "1");
  await expect(pulls.pull()).rejects.toThrow(/the manifest is not valid: \/layers\/0\/digest/);
});
