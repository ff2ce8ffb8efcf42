/** Pulls exact amounts out of a stream of chunks. */
export interface ByteReader {
  /** Exactly `count` bytes; null when the stream ended before the first of them, and an error when it ended after. They hold until the next call. */
  take(count: number): Promise<Buffer | null>;
  /** The next 1..`limit` bytes; null at the end. No copy is made: they hold until the next call. */
  some(limit: number): Promise<Buffer | null>;
  /** Reads and forgets the rest. */
  drain(): Promise<void>;
  /** Ends the source early, so that it lets go of its files. */
  cancel(): Promise<void>;
}

/** Thrown for a stream that ends in the middle of something. */
export class UnexpectedEnd extends Error {}

/** The source's chunks need to hold only until the next one is asked for. */
export function createByteReader(source: AsyncIterable<Uint8Array>): ByteReader {
  const iterator = source[Symbol.asyncIterator]();
  let current: Buffer = Buffer.alloc(0);

  const refill = async (): Promise<boolean> => {
    while (current.byteLength === 0) {
      const next = await iterator.next();
      if (next.done === true) return false;
      current = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    return true;
  };
  const some = async (limit: number): Promise<Buffer | null> => {
    if (current.byteLength === 0 && !(await refill())) return null;
    const part = current.subarray(0, limit);
    current = current.subarray(part.byteLength);
    return part;
  };
  return {
    some,
    async take(count) {
      const first = await some(count);
      if (first === null || first.byteLength === count) return first;
      // Its chunk is gone when the next one comes.
      const whole = Buffer.allocUnsafe(count);
      let taken = first.copy(whole);
      while (taken < count) {
        const part = await some(count - taken);
        if (part === null) throw new UnexpectedEnd("the archive ends in the middle of an entry");
        taken += part.copy(whole, taken);
      }
      return whole;
    },
    async drain() {
      current = Buffer.alloc(0);
      while (await refill()) current = Buffer.alloc(0);
    },
    async cancel() {
      await iterator.return?.();
    },
  };
}
