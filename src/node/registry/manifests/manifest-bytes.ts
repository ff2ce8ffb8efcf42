import { MAX_MANIFEST_BYTES } from "../../../shared/oci/index.ts";
import type { BlobFiles } from "../repositories/blob-files.ts";

const CACHED_BYTES = 32 * 1024 * 1024;

/** Reads manifests, verified, and remembers the last ones: what a digest names cannot change. */
export interface ManifestBytes {
  /** Null when the store has lost it or its bytes are damaged. */
  read(sha256: string): Promise<Buffer | null>;
}

/** Keeps at most 32 MiB, what was read first goes first. */
export function createManifestBytes(files: BlobFiles): ManifestBytes {
  const cached = new Map<string, Buffer>();
  let total = 0;
  return {
    async read(sha256) {
      const known = cached.get(sha256);
      if (known !== undefined) return known;
      const bytes = await files.read(sha256, MAX_MANIFEST_BYTES);
      if (bytes === null || cached.has(sha256)) return bytes;
      cached.set(sha256, bytes);
      total += bytes.byteLength;
      for (const [oldest, { byteLength }] of cached) {
        if (total <= CACHED_BYTES) break;
        cached.delete(oldest);
        total -= byteLength;
      }
      return bytes;
    },
  };
}
