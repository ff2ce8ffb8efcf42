import { PassThrough, type Readable } from "node:stream";

/** The open wake streams of this process: at most one for each node, the newest. */
export interface WakeStreams {
  /** Opens a node's stream; one that it had before ends. */
  open(nodeId: string): Readable;
  /** Tells the node to sync now, if its stream is here. */
  nudge(nodeId: string): void;
  closeAll(): void;
}

const ALIVE_EVERY_MS = 10_000;
/** A node that does not read is gone or hostile; either way its unread lines are worth nothing. */
const MOST_UNREAD_BYTES = 64 * 1024;

/** `aliveEveryMs` lets proxies and nodes tell a quiet stream from a dead one. */
export function createWakeStreams(aliveEveryMs = ALIVE_EVERY_MS): WakeStreams {
  const open = new Map<string, PassThrough>();
  const write = (stream: PassThrough, type: "alive" | "nudge") => {
    if (stream.writableEnded || stream.destroyed) return;
    if (stream.writableLength > MOST_UNREAD_BYTES) stream.destroy();
    else stream.write(`${JSON.stringify({ type })}\n`);
  };
  return {
    open: (nodeId) => {
      open.get(nodeId)?.end();
      const stream = new PassThrough();
      const timer = setInterval(() => write(stream, "alive"), aliveEveryMs);
      timer.unref();
      stream.once("close", () => {
        clearInterval(timer);
        if (open.get(nodeId) === stream) open.delete(nodeId);
      });
      open.set(nodeId, stream);
      // At once, so that headers go out and the node knows that it is heard.
      write(stream, "alive");
      return stream;
    },
    nudge: (nodeId) => {
      const stream = open.get(nodeId);
      if (stream) write(stream, "nudge");
    },
    closeAll: () => {
      for (const stream of open.values()) stream.end();
    },
  };
}
