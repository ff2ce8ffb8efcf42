import type { BlobStore } from "../content/blob-store.ts";
import type { IngestSession } from "../content/ingest-session.ts";
import type { ImageContent } from "../records/read-image.ts";
import type { Progress } from "../types.ts";
import type { Unpack } from "../unpack/unpack-image.ts";
import type { LoadPorts } from "./load-archive.ts";

interface Ports {
  blobs: Pick<BlobStore, "put">;
  session: Pick<IngestSession, "pin" | "release">;
  readImage(digest: string): Promise<ImageContent>;
  unpack: Unpack;
  commitManifest: LoadPorts["commitManifest"];
}

/**
 * Commits an image only when its layers are unpacked: what does not unpack gets no name.
 * @throws BerthError (the commit) layer_invalid, digest_mismatch, insufficient_storage
 */
export function unpackingCommit(ports: Ports, progress: Progress, signal: AbortSignal): LoadPorts["commitManifest"] {
  const { blobs, session } = ports;
  return async (manifest, references, known) => {
    const { digest } = await blobs.put(manifest, known?.digest);
    const image = await ports.readImage(digest);
    // No image reaches them yet: prune must not take what is being unpacked.
    for (const chainId of image.chainIds) await session.pin(chainId);
    try {
      await ports.unpack({ ...image, references: [...references] }, progress, signal);
      return await ports.commitManifest(manifest, references, known);
    } finally {
      await session.release([digest, ...image.chainIds]);
    }
  };
}
