import { BerthError } from "../../../shared/domain/index.ts";
import { chainIdsOf, MAX_MANIFEST_BYTES, parseImageConfig, parseManifest } from "../../../shared/oci/index.ts";
import type { BlobStore } from "../content/blob-store.ts";
import type { Image } from "../types.ts";

export type ImageContent = Omit<Image, "references">;

const MAX_CONFIG_BYTES = 8 * 1024 * 1024;
const REMEMBERED = 256;

/**
 * Reads images by manifest digest and remembers them: what a digest names cannot change.
 * @throws BerthError image_invalid, digest_mismatch
 */
export function createImageReader(blobs: BlobStore): (digest: string) => Promise<ImageContent> {
  const remembered = new Map<string, ImageContent>();
  return async (digest) => {
    const known = remembered.get(digest);
    if (known !== undefined) return known;
    const image = await readImage(blobs, digest);
    const oldest = remembered.size >= REMEMBERED ? remembered.keys().next().value : undefined;
    if (oldest !== undefined) remembered.delete(oldest);
    remembered.set(digest, image);
    return image;
  };
}

async function readImage(blobs: BlobStore, digest: string): Promise<ImageContent> {
  const manifest = parseManifest(await blobs.read(digest, MAX_MANIFEST_BYTES));
  const config = parseImageConfig(await blobs.read(manifest.config.digest, MAX_CONFIG_BYTES));
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw new BerthError("image_invalid", `image ${digest} has ${manifest.layers.length} layers, but its config names ${diffIds.length}`);
  }
  return {
    digest,
    config,
    configDigest: manifest.config.digest,
    layers: manifest.layers.map(({ mediaType, digest: layer, size }) => ({ mediaType, digest: layer, size })),
    chainIds: chainIdsOf(diffIds),
    sizeBytes: manifest.layers.reduce((sum, layer) => sum + layer.size, 0),
    createdAt: config.created ?? null,
  };
}
