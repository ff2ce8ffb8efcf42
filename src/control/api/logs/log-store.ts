import { EventEmitter } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BerthError, errorText } from "../../../shared/domain/index.ts";
import type { Logger } from "../../../shared/observe/index.ts";
import { logPaths, type ReplicaKey } from "./log-paths.ts";
import { createOpenFiles, type OpenFile } from "./open-files.ts";

export interface LogStore {
  /**
   * Stores `bytes` of a replica's log, which start at `offset` of the container's log file. Bytes already stored are
   * skipped, so a repeated push changes nothing. Answers the size now stored: where the next push starts.
   * @throws BerthError log_offset_mismatch (details.size) when bytes before `offset` are missing; insufficient_storage
   */
  append(key: ReplicaKey, offset: number, bytes: Uint8Array): Promise<number>;
  /** Makes a replica's log durable now. Elsewhere it becomes so within a second. */
  flush(key: ReplicaKey): Promise<void>;
  /** Lets `nodeId` push this replica's log, also after the job went on to another attempt. The first one given stays. */
  grant(key: ReplicaKey, nodeId: string): Promise<void>;
  owner(key: ReplicaKey): Promise<string | null>;
  /** Ranks with a log in this attempt, ascending. */
  ranks(jobId: string, epoch: number): Promise<number[]>;
  path(key: ReplicaKey): string;
  /** Nothing more will come for this replica. Kept in memory only: after a restart readers go by time. */
  markFinal(key: ReplicaKey): void;
  isFinal(key: ReplicaKey): boolean;
  /** Calls back when a log of the job grew or became final; returns the unsubscriber. */
  onGrowth(jobId: string, listener: () => void): () => void;
  close(): Promise<void>;
}

export interface LogStoreOptions {
  /** <data-dir>/logs */
  root: string;
  logger: Logger;
  /** Bytes of one replica's log that are kept: the first ones. What follows is only on the node. */
  maxBytes?: number;
  openFiles?: number;
  onStored?: (bytes: number) => void;
}

const DEFAULT_MAX_BYTES = 1024 ** 3;
const SYNC_EVERY_MS = 1000;
const FINAL_KEPT = 50_000;

/**
 * Logs of all jobs as files. The file's own size is the protocol's state, so nothing can disagree with it after a crash:
 * bytes lost with an unsynced page are asked for again. Logs are kept until somebody deletes them.
 */
export function createLogStore(options: LogStoreOptions): LogStore {
  const paths = logPaths(options.root);
  const files = createOpenFiles(options.openFiles ?? 128);
  const growth = new EventEmitter().setMaxListeners(0);
  const final = new Set<string>();
  const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  const timer = setInterval(
    () => void files.syncAll().catch((error) => options.logger.error({ err: error }, "cannot sync job logs")),
    SYNC_EVERY_MS,
  );
  timer.unref();

  return {
    append: async (key, offset, bytes) => {
      const { size, stored } = await files.use(paths.log(key), (file) => appendTo(file, offset, bytes, maxBytes)).catch(asStorageError);
      if (stored > 0) {
        options.onStored?.(stored);
        growth.emit(key.jobId);
      }
      return size;
    },
    flush: (key) => files.sync(paths.log(key)),
    grant: (key, nodeId) => grantOwner(paths.owner(key), nodeId).catch(asStorageError),
    owner: (key) => readOwner(paths.owner(key)),
    ranks: (jobId, epoch) => listRanks(paths.epochFolder(jobId, epoch)),
    path: paths.log,
    markFinal: (key) => {
      final.add(nameOf(key));
      if (final.size > FINAL_KEPT) final.delete(final.values().next().value as string);
      growth.emit(key.jobId);
    },
    isFinal: (key) => final.has(nameOf(key)),
    onGrowth: (jobId, listener) => {
      growth.on(jobId, listener);
      return () => growth.off(jobId, listener);
    },
    close: async () => {
      clearInterval(timer);
      await files.closeAll();
    },
  };
}

async function appendTo(file: OpenFile, offset: number, bytes: Uint8Array, maxBytes: number): Promise<{ size: number; stored: number }> {
  const before = file.size;
  const claimed = offset + bytes.byteLength;
  // A full log takes everything and keeps nothing: the node must not resend for ever.
  if (before >= maxBytes) return { size: Math.max(before, claimed), stored: 0 };
  if (offset > before) {
    throw new BerthError("log_offset_mismatch", `the log has ${before} bytes, but the push starts at ${offset}`, {
      details: { size: before },
    });
  }
  const fresh = bytes.subarray(before - offset);
  await writeAll(file, fresh.subarray(0, maxBytes - before));
  if (file.size >= maxBytes) await writeAll(file, fullMarker(maxBytes));
  const stored = file.size - before;
  return { size: Math.max(before, claimed), stored };
}

async function writeAll(file: OpenFile, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const { bytesWritten } = await file.handle.write(bytes, done, bytes.byteLength - done, file.size);
    done += bytesWritten;
    file.size += bytesWritten;
    file.dirty = true;
  }
}

/** A line in the log's own format; the line break before it ends whatever line was cut. */
function fullMarker(maxBytes: number): Buffer {
  return Buffer.from(`\n${new Date().toISOString()} stderr F [berth: only the first ${maxBytes} bytes of this log are kept]\n`);
}

async function grantOwner(path: string, nodeId: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, nodeId, { flag: "wx", mode: 0o600 }).catch((error) => {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  });
}

async function readOwner(path: string): Promise<string | null> {
  const text = await readFile(path, "utf8").catch(nullWhenMissing);
  return text === "" ? null : text;
}

async function listRanks(folder: string): Promise<number[]> {
  const names = (await readdir(folder).catch(nullWhenMissing)) ?? [];
  return names
    .filter((name) => /^\d+\.log$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((one, other) => one - other);
}

function nullWhenMissing(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}

function asStorageError(error: unknown): never {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOSPC" || code === "EDQUOT") {
    throw new BerthError("insufficient_storage", `cannot store the log: ${errorText(error)}`, { cause: error });
  }
  throw error;
}

function nameOf(key: ReplicaKey): string {
  return join(key.jobId, String(key.epoch), String(key.rank));
}
