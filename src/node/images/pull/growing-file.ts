import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import type { Native } from "../../platform/index.ts";
import type { BlobTracker } from "./blob-tracker.ts";

const READ_BYTES = 256 * 1024;

/**
 * The bytes of a file that is still being written, in order, as far as they are there. The readers of one file may come at
 * any time: the first of `paths` that exists is read. With `reuse` a chunk holds only until the next one is asked for. Begins at `from`.
 * @throws what the tracker failed with
 */
export async function* readGrowing(
  memory: Pick<Native, "freeBuffer">,
  paths: readonly string[],
  tracker: BlobTracker,
  reuse = false,
  from = 0,
): AsyncGenerator<Buffer> {
  if (tracker.size <= from) return;
  await tracker.beyond(from);
  const handle = await openFirst(paths);
  const kept = reuse ? Buffer.allocUnsafeSlow(READ_BYTES) : null;
  try {
    for (let position = from; position < tracker.size; ) {
      await tracker.beyond(position);
      const length = Math.min(READ_BYTES, tracker.contiguous - position);
      const { bytesRead, buffer } = await handle.read(kept ?? Buffer.allocUnsafeSlow(length), 0, length, position);
      if (bytesRead === 0) throw new Error(`${paths[0]} is shorter than what was written to it`);
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
    if (kept !== null) memory.freeBuffer(kept);
  }
}

async function openFirst(paths: readonly string[]): Promise<FileHandle> {
  let failure: unknown;
  for (const path of paths) {
    try {
      return await open(path, "r");
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
