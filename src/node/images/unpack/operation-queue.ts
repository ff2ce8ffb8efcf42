import type { Native, NativeRoot, RootOperation } from "../../platform/index.ts";

/** Small files' contents on their way to the disk: twice this for each layer that is unpacked. */
const CONTENT_BYTES = 1 << 20;
/** Covers the way to a worker thread and back; more would only delay the first. */
const OPERATIONS = 128;

/** What is made in a layer's folder, strictly in order, many entries in one call: one batch is made while the next is read. */
export interface OperationQueue {
  /** Room for a file's content, in the batch that its operation will be pushed to; at most `CONTENT_BYTES`. */
  room(size: number): Promise<Buffer>;
  /** What failed before is thrown here, by `room` or by `settle`. */
  push(operation: RootOperation): Promise<void>;
  /** Waits until all is made. */
  settle(): Promise<void>;
  /** Waits until nothing touches the folder any more; what has not begun never will. The queue is of no use afterwards. Never throws. */
  close(): Promise<void>;
}

interface Batch {
  operations: RootOperation[];
  content: Buffer | null;
  used: number;
}

/** @param handlers `refused` does what an operation that failed takes, or throws; `made` is told of each, in order */
export function createOperationQueue(
  root: Pick<NativeRoot, "apply">,
  memory: Pick<Native, "freeBuffer">,
  handlers: { refused(operation: RootOperation, error: unknown): Promise<void>; made(operation: RootOperation): void },
): OperationQueue {
  let filling: Batch = { operations: [], content: null, used: 0 };
  let resting: Batch = { operations: [], content: null, used: 0 };
  // Once it has failed it stays so.
  let running: Promise<void> = Promise.resolve();

  const run = async (batch: Batch): Promise<void> => {
    for (let left = batch.operations; left.length > 0; ) {
      const failed = await root.apply(left);
      const made = failed === null ? left.length : failed.index;
      for (const operation of left.slice(0, made)) handlers.made(operation);
      const refused = left[made];
      if (failed === null || refused === undefined) break;
      await handlers.refused(refused, failed.error);
      handlers.made(refused);
      left = left.slice(made + 1);
    }
    batch.operations = [];
    batch.used = 0;
  };
  const flush = async (): Promise<void> => {
    await running;
    if (filling.operations.length === 0) return;
    [filling, resting] = [resting, filling];
    running = run(resting);
    // Thrown to whoever comes next.
    running.catch(() => undefined);
  };
  return {
    async room(size) {
      if (filling.used + size > CONTENT_BYTES) await flush();
      filling.content ??= Buffer.allocUnsafeSlow(CONTENT_BYTES);
      const room = filling.content.subarray(filling.used, filling.used + size);
      filling.used += size;
      return room;
    },
    async push(operation) {
      filling.operations.push(operation);
      if (filling.operations.length >= OPERATIONS) await flush();
    },
    async settle() {
      await flush();
      await running;
    },
    async close() {
      filling.operations = [];
      await running.catch(() => undefined);
      for (const batch of [filling, resting]) {
        if (batch.content !== null) memory.freeBuffer(batch.content);
        batch.content = null;
      }
    },
  };
}
