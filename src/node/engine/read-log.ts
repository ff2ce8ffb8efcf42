import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";

/** The log's bytes from `offset` to where the file ends now; empty when there is no such byte yet. */
export async function readLog(path: string, offset: number): Promise<Readable> {
  const size = await stat(path).then(
    (found) => found.size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return 0;
      throw error;
    },
  );
  return offset >= size ? Readable.from([]) : createReadStream(path, { start: offset, end: size - 1 });
}
