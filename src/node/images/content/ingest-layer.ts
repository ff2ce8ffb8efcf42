import { once } from "node:events";
import { createDigester, MEDIA_TYPES } from "../../../shared/oci/index.ts";
import { readTar } from "../tar/read-tar.ts";
import type { StoredLayer } from "../types.ts";
import { entryPath } from "../unpack/entry-path.ts";
import { meaningOf } from "../unpack/whiteout.ts";
import type { BlobStore } from "./blob-store.ts";
import { createLayerGzip } from "./compression.ts";

/**
 * Takes in an uncompressed layer tar in one pass: its structure and names are checked, its diff ID is taken, and it is
 * compressed into a blob. The diff ID is by the algorithm of `like` (a digest); sha256 when left out.
 * @throws BerthError layer_invalid, insufficient_storage
 */
export async function ingestLayer(
  blobs: BlobStore,
  tar: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  like?: string,
): Promise<StoredLayer> {
  const gzip = createLayerGzip();
  // Destroyed before the blob writer reads it, it would have nobody to tell and take the process down.
  gzip.on("error", () => undefined);
  const digester = createDigester(like);
  // The reader must not wait for a gzip that nobody empties any more, nor the writer for a reader that gave up.
  const failed = new AbortController();
  const abort = AbortSignal.any([signal, failed.signal]);
  const written = blobs.write(gzip, signal).catch((error: unknown) => {
    failed.abort(error);
    throw error;
  });
  // It may fail while the tar is still read: whoever is awaited below tells of it.
  written.catch(() => undefined);
  try {
    await readTar(tap(tar), async (entry) => {
      meaningOf(entryPath(entry.path));
    });
    gzip.end();
  } catch (error) {
    gzip.destroy(error as Error);
    await written.catch(() => undefined);
    throw failed.signal.aborted && !signal.aborted ? failed.signal.reason : error;
  }
  const { digest, size } = await written;
  return { descriptor: { mediaType: MEDIA_TYPES.layerGzip, digest, size }, diffId: digester.digest() };

  async function* tap(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      abort.throwIfAborted();
      digester.update(chunk);
      if (!gzip.write(chunk)) await once(gzip, "drain", { signal: abort });
      yield chunk;
    }
  }
}
