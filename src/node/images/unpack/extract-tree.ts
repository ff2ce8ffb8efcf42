import type { Native, NativeRoot } from "../../platform/index.ts";
import { decompressed } from "../content/compression.ts";
import { asStorageError } from "../content/storage-error.ts";
import { readTar } from "../tar/read-tar.ts";
import { entryPath } from "./entry-path.ts";
import { createLayerWriter } from "./layer-writer.ts";

/**
 * Unpacks a tar (gzipped or not) into `root` as it stands: names with ".wh." are plain files, devices are left out.
 * @throws BerthError layer_invalid, insufficient_storage
 */
export async function extractTree(
  native: Pick<Native, "freeBuffer">,
  tar: AsyncIterable<Uint8Array>,
  root: NativeRoot,
  signal: AbortSignal,
): Promise<void> {
  const writer = createLayerWriter(root, async () => null, native);
  try {
    await readTar(decompressed(tar), async (entry, body) => {
      signal.throwIfAborted();
      await writer.add(entry, entryPath(entry.path), body);
    });
    await writer.finish();
  } catch (error) {
    throw asStorageError(error);
  } finally {
    await writer.close();
  }
}
