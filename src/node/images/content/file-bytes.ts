import { createReadStream } from "node:fs";

/**
 * The bytes of a file, which is opened when the first of them is asked for: a stream of Node's whose file cannot be opened before
 * anybody reads it (EMFILE, ENOENT) ends the process.
 * @param range first and last byte, both included; the whole file when left out
 * @throws the errors of opening and reading, to whoever iterates
 */
export async function* fileBytes(path: string, range: { start?: number; end?: number } = {}): AsyncGenerator<Buffer> {
  yield* createReadStream(path, { highWaterMark: 1 << 18, ...range }) as AsyncIterable<Buffer>;
}
