import type { FileHandle } from "node:fs/promises";
import type { ServerResponse } from "node:http";

const BUFFER_BYTES = 1 << 19;

/**
 * Writes bytes `start` to `end` of a file and ends the response. Two buffers take turns, one read while the other is
 * sent: a stream would allocate a new one for each read, which costs more than the reading.
 * @throws when the client goes away or the file is shorter; the connection is then of no use any more
 */
export async function sendFile(handle: FileHandle, start: number, end: number, response: ServerResponse): Promise<void> {
  let leave = () => {};
  // A response whose connection is gone never calls back, so its end is waited for beside every write.
  const gone = new Promise<never>((_resolve, reject) => {
    leave = () => reject(new Error("the client went away"));
  });
  gone.catch(() => undefined);
  response.once("close", leave);
  if (response.socket?.destroyed !== false) leave();
  const turns = [turn(), turn()];
  try {
    for (let position = start, count = 0; position <= end; count += 1) {
      const mine = turns[count % turns.length] as Turn;
      await mine.sent;
      const { bytesRead } = await handle.read(mine.buffer, 0, Math.min(BUFFER_BYTES, end - position + 1), position);
      if (bytesRead === 0) throw new Error("the blob's file is shorter than it was");
      mine.sent = Promise.race([gone, write(response, mine.buffer.subarray(0, bytesRead))]);
      // Looked at in its turn; until then it may fail without anybody waiting.
      mine.sent.catch(() => undefined);
      position += bytesRead;
    }
    for (const { sent } of turns) await sent;
    response.off("close", leave);
    response.end();
  } catch (error) {
    response.destroy();
    throw error;
  }
}

interface Turn {
  buffer: Buffer;
  /** Resolves when the kernel has the buffer's bytes. */
  sent: Promise<void>;
}

function turn(): Turn {
  return { buffer: Buffer.allocUnsafeSlow(BUFFER_BYTES), sent: Promise.resolve() };
}

function write(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
