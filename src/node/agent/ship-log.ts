import { type FSWatcher, watch } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { pause } from "../../shared/domain/index.ts";
import { openIfThere } from "../platform/index.ts";
import type { Alarm } from "./alarm.ts";
import { backoffMs } from "./backoff.ts";
import type { PushResult } from "./control-plane-client.ts";
import type { LogShipperPort } from "./log-shipper.ts";
import type { ReplicaKey } from "./replica-key.ts";
import type { Slots } from "./slots.ts";

/** One container's log on its way. */
export interface LogStream {
  readonly containerId: string;
  readonly key: ReplicaKey;
  readonly path: string;
  /** Rings when the file may have grown or the container ended. */
  readonly alarm: Alarm;
  readonly stop: AbortController;
  /** The container ended: the file grows no more. */
  finished: boolean;
  ended: boolean;
  /** Time of a reachable control plane without progress, and altogether, since it finished. */
  stalledMs: number;
  waitedMs: number;
}

const CHUNK_BYTES = 1024 * 1024;
const LEAST_CHUNK_BYTES = 16 * 1024;
/** A chunk of at least this is sent at once; smaller ones at most every GATHER_MS, so a chatty job costs few requests. */
const EAGER_BYTES = 64 * 1024;
const GATHER_MS = 100;
/** For file systems and limits (inotify) where watching fails. */
const POLL_MS = 1_000;
const POLL_UNWATCHED_MS = 150;
const PUSH_MS = 30_000;
const BACKOFF = { baseMs: 200, maxMs: 5_000 } as const;

type Port = LogShipperPort & { slots: Slots };

/**
 * Sends the file from where the control plane stands until it has every byte of a finished one. Keeps nothing on disk:
 * the first push starts at 0 and a mismatch tells the true size. True when all is sent or never wanted, false when stopped.
 */
export async function shipLog(port: Port, stream: LogStream): Promise<boolean> {
  const watcher = watchFile(stream);
  let file: FileHandle | null = null;
  const position = { offset: 0, chunkBytes: CHUNK_BYTES, failures: 0 };
  try {
    while (!stream.stop.signal.aborted) {
      const finished = stream.finished;
      file ??= await openIfThere(stream.path);
      const pushed = file === null ? "nothing" : await pushNext(port, stream, file, position);
      if (pushed === "refused" || (pushed === "nothing" && finished)) return true;
      await waitForMore(stream, pushed, position.failures, watcher !== null, port);
    }
    return false;
  } finally {
    watcher?.close();
    await file?.close();
  }
}

type Pushed = "nothing" | "little" | "much" | "failed" | "refused";

interface Position {
  offset: number;
  chunkBytes: number;
  failures: number;
}

async function pushNext(port: Port, stream: LogStream, file: FileHandle, position: Position): Promise<Pushed> {
  return port.slots.use(async () => {
    const bytes = await readChunk(file, position.offset, position.chunkBytes);
    if (bytes.length === 0) return "nothing";
    try {
      // Not tied to `stop`: a push in flight when the agent ends is let finish.
      const result = await port.client.pushLog(stream.key, position.offset, bytes, AbortSignal.timeout(PUSH_MS));
      position.failures = 0;
      return settle(port, stream, position, result, bytes.length);
    } catch (error) {
      position.failures += 1;
      if (position.failures === 3) port.log.warn({ container: stream.containerId, err: error }, "log cannot be sent, retrying");
      return "failed";
    }
  });
}

function settle(port: Port, stream: LogStream, position: Position, result: PushResult, bytes: number): Pushed {
  if (result.kind === "refused") {
    port.log.info({ container: stream.containerId, reason: result.reason }, "control plane does not want this log");
    return "refused";
  }
  if (result.kind === "too-large") {
    position.chunkBytes = Math.max(LEAST_CHUNK_BYTES, position.chunkBytes / 2);
    position.failures += 1;
    return "failed";
  }
  if (result.kind === "stored") stream.stalledMs = 0;
  position.offset = result.size;
  return result.kind === "mismatch" || bytes >= EAGER_BYTES ? "much" : "little";
}

async function waitForMore(stream: LogStream, pushed: Pushed, failures: number, watched: boolean, port: Port): Promise<void> {
  const { signal } = stream.stop;
  if (pushed === "failed") return pause(port.clock, backoffMs(failures, BACKOFF.baseMs, BACKOFF.maxMs, port.random), signal);
  if (pushed === "nothing") return stream.alarm.wait(watched ? POLL_MS : POLL_UNWATCHED_MS, signal);
  // Gathering is not cut short by more output, only by the end.
  if (pushed === "little" && !stream.finished) await pause(port.clock, GATHER_MS, signal);
}

function watchFile(stream: LogStream): FSWatcher | null {
  try {
    const watcher = watch(stream.path, () => stream.alarm.ring());
    // The poll goes on either way.
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    // The poll alone finds what is new, later.
    return null;
  }
}

/** At most `limit` bytes from `offset`; empty at (or past) the end. The buffer is only as large as what is there. */
async function readChunk(file: FileHandle, offset: number, limit: number): Promise<Buffer> {
  const { size } = await file.stat();
  const length = Math.min(limit, Math.max(0, size - offset));
  if (length === 0) return Buffer.alloc(0);
  const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, offset);
  return buffer.subarray(0, bytesRead);
}
