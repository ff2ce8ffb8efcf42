import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { MEDIA_TYPES } from "../../../src/shared/oci/index.ts";
import { hostilePulls, isManifest } from "../../support/hostile-pulls.ts";
import { type HostileRegistry, imageManifest, randomLayer, startHostileRegistry } from "../../support/hostile-registry.ts";
import { neverAborted, type TestStore } from "../../support/test-store.ts";

const MIB = 1024 * 1024;
const pulls = hostilePulls();
const { clientOf, pull } = pulls;
let registry: HostileRegistry;
let store: TestStore;
beforeEach(() => {
  ({ registry, store } = pulls);
});

describe("lies", () => {
  test("a blob with other bytes is refused after a second try, and not kept", async () => {
    const layer = await randomLayer(1000);
    registry.addImage("1", [layer]);
    const digest = [...registry.blobs].find(([, bytes]) => bytes === layer)?.[0] ?? "";
    registry.blobs.set(digest, Buffer.alloc(layer.byteLength));
    await expect(pull()).rejects.toMatchObject({ code: "digest_mismatch" });
    expect(registry.seen("GET", `/blobs/${digest}`)).toHaveLength(2);
    expect(await store.store.has([digest])).toBe(false);
    expect(await store.store.list()).toEqual([]);
  });

  test.each([
    ["longer", 1],
    ["shorter", -1],
  ])("a blob of %s size is refused", async (_how, change) => {
    const layer = await randomLayer(1000);
    registry.addImage("1", [layer]);
    const digest = [...registry.blobs].find(([, bytes]) => bytes === layer)?.[0] ?? "";
    registry.blobs.set(digest, change > 0 ? Buffer.concat([layer, layer]) : layer.subarray(0, 500));
    await expect(pull()).rejects.toMatchObject({ code: "digest_mismatch" });
  });

  test("a manifest that is not what was asked for by digest is refused", async () => {
    const digest = registry.addImage("1", [await randomLayer(10)]);
    registry.manifests.set(digest, { bytes: Buffer.from("{}"), type: MEDIA_TYPES.manifest });
    const request = { reference: `${registry.host}/app@${digest}`, platform: null, client: clientOf() };
    await expect(store.store.pull(request, () => undefined, neverAborted())).rejects.toMatchObject({ code: "digest_mismatch" });
  });

  test("a web page, a huge manifest and something that is not JSON are refused", async () => {
    registry.addManifest(Buffer.from("<html>log in</html>"), "text/html; charset=utf-8", "page");
    registry.addManifest(Buffer.alloc(5 * MIB, "x"), MEDIA_TYPES.manifest, "huge");
    registry.addManifest(Buffer.from("[1]"), MEDIA_TYPES.manifest, "list");
    await expect(pull("page")).rejects.toThrow(/web page/);
    await expect(pull("huge")).rejects.toThrow(/larger than 4194304 bytes/);
    await expect(pull("list")).rejects.toThrow(/not a JSON object/);
  });

  test("a huge manifest without a length is cut off", async () => {
    registry.misbehave = (_request, response, path) => {
      if (!isManifest(path)) return false;
      response.writeHead(200, { "content-type": MEDIA_TYPES.manifest });
      const more = () => void response.write(Buffer.alloc(MIB, "x"), () => !response.destroyed && more());
      more();
      return true;
    };
    await expect(pull()).rejects.toThrow(/larger than 4194304 bytes/);
  });

  test("schema 1 is refused by name", async () => {
    const type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    registry.addManifest({ schemaVersion: 1, name: "app", fsLayers: [] }, type, "1");
    await expect(pull()).rejects.toThrow(/schema 1/);
  });

  test("a document that is a manifest to one reader and an index to another is refused", async () => {
    const layer = await randomLayer(10);
    registry.addManifest(imageManifest(registry, [layer]), MEDIA_TYPES.index, "header");
    registry.addManifest({ ...imageManifest(registry, [layer]), manifests: [] }, MEDIA_TYPES.manifest, "both");
    await expect(pull("header")).rejects.toMatchObject({ code: "image_invalid" });
    await expect(pull("both")).rejects.toMatchObject({ code: "image_invalid" });
  });

  test("a layer that climbs out of its root is refused, and the image gets no name", async () => {
    registry.addImage("1", [await randomLayer(10), await randomLayer(10, "../../escaped")]);
    await expect(pull()).rejects.toMatchObject({ code: "layer_invalid" });
    expect(await store.store.list()).toEqual([]);
    await store.store.prune(new Set());
    expect(await readdir(join(store.dataDir, "blobs", "sha256"))).toEqual([]);
    expect(await readdir(join(store.dataDir, "layers"))).toEqual([]);
  });

  test("a config that names other layers is refused", async () => {
    const manifest = imageManifest(registry, [await randomLayer(10)]);
    const other = imageManifest(registry, [await randomLayer(10, "other")]);
    registry.addManifest({ ...manifest, config: other.config }, MEDIA_TYPES.manifest, "1");
    await expect(pull()).rejects.toMatchObject({ code: "digest_mismatch" });
    expect(await store.store.list()).toEqual([]);
  });

  test("indexes in indexes end somewhere", async () => {
    const entry = (digest: string) => ({ mediaType: MEDIA_TYPES.index, digest, size: 1 });
    let digest = registry.addImage("image", [await randomLayer(10)]);
    for (let depth = 0; depth < 4; depth++) {
      const document = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [entry(digest)] };
      digest = registry.addManifest(document, MEDIA_TYPES.index, "deep");
    }
    await expect(pull("deep")).rejects.toThrow(/nested too deep/);
  });

  test("a layer's own URLs are never fetched", async () => {
    const other = await startHostileRegistry();
    try {
      const manifest = imageManifest(registry, [await randomLayer(10)]);
      const urls = [`http://${other.host}/layer`];
      registry.addManifest({ ...manifest, layers: manifest.layers.map((layer) => ({ ...layer, urls })) }, MEDIA_TYPES.manifest, "1");
      const foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
      const layers = manifest.layers.map((layer) => ({ ...layer, mediaType: foreign, urls }));
      registry.addManifest({ ...manifest, layers }, MEDIA_TYPES.manifest, "foreign");
      await pull();
      await expect(pull("foreign")).rejects.toMatchObject({ code: "image_invalid" });
      expect(other.requests).toEqual([]);
    } finally {
      await other.stop();
    }
  });
});
