import type { Native, NativeGunzip } from "../../platform/index.ts";

/** Larger ones leave the processor's cache before they are hashed and written. */
const CHUNK_BYTES = 512 * 1024;

/** Where a fast decoder of gzip comes from, if there is one. */
export type GunzipFactory = Pick<Native, "createGunzip" | "freeBuffer">;

/**
 * Undoes gzip on a worker thread, one chunk ahead of who reads it. It has two buffers and no more: a chunk holds only until
 * the next one is asked for, and so may those of `source`.
 * @throws Error with a code Z_*, as zlib's; what the source throws
 */
export async function* gunzipped(
  decoder: NativeGunzip,
  memory: Pick<Native, "freeBuffer">,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  const reader = createGunzipReader(decoder, source);
  const buffers = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)] as const;
  const begin = (turn: number): Promise<Buffer | null> => {
    const filling = reader.fill(turn % 2 === 0 ? buffers[0] : buffers[1]);
    // Whoever stops early does not look at it.
    filling.catch(() => undefined);
    return filling;
  };
  let next = begin(0);
  try {
    for (let turn = 1; ; turn++) {
      const chunk = await next;
      if (chunk === null) return;
      next = begin(turn);
      yield chunk;
    }
  } finally {
    await reader.close();
    for (const buffer of buffers) memory.freeBuffer(buffer);
  }
}

interface GunzipReader {
  /** Fills the buffer as far as the data goes; null at its end. */
  fill(output: Buffer): Promise<Buffer | null>;
  close(): Promise<void>;
}

function createGunzipReader(decoder: NativeGunzip, source: AsyncIterable<Uint8Array>): GunzipReader {
  const chunks = source[Symbol.asyncIterator]();
  let input: Buffer = Buffer.alloc(0);
  let more = false;
  let complete = false;
  let ended = false;
  let closed = false;
  let reading = false;
  let decoding: Promise<unknown> = Promise.resolve();

  const refill = async (): Promise<boolean> => {
    reading = true;
    const next = await chunks.next().finally(() => {
      reading = false;
    });
    if (next.done !== true) input = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    else if (!complete) throw Object.assign(new Error("unexpected end of file"), { code: "Z_BUF_ERROR" });
    return next.done !== true;
  };
  const decode = async (output: Buffer): Promise<number> => {
    const call = decoder.decode(input, output);
    decoding = call.catch(() => undefined);
    const step = await call;
    input = input.subarray(step.read);
    more = step.written === output.byteLength;
    ({ complete, ended } = step);
    return step.written;
  };
  return {
    async fill(output) {
      let filled = 0;
      while (filled < output.byteLength && !ended && !closed) {
        if (input.byteLength === 0 && !more && !(await refill())) break;
        if (!closed) filled += await decode(output.subarray(filled));
      }
      return filled === 0 ? null : output.subarray(0, filled);
    },
    async close() {
      closed = true;
      await decoding;
      const left = chunks.return?.();
      // A source that waits for bytes lets go when they come, or fail to.
      if (reading) left?.catch(() => undefined);
      else await left;
    },
  };
}
