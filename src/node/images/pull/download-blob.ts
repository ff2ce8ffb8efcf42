import type { FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
import { BerthError, errorText } from "../../../shared/domain/index.ts";
import { type BlobBody, type RetryPolicy, withRetries } from "../../../shared/oci/index.ts";
import type { Native } from "../../platform/index.ts";
import type { PartialBlob } from "../content/partial-blobs.ts";
import { errnoOf } from "../content/storage-error.ts";
import type { BlobTracker } from "./blob-tracker.ts";

/** Where a blob's bytes come from. */
export interface BlobSource {
  digest: string;
  /** One try; `turn` counts the failures so far, so that another place may be asked. */
  fetch(range: { from: number; to: number }, turn: number, signal: AbortSignal): Promise<BlobBody>;
  retry: RetryPolicy;
  /** The bytes had another digest: true when somebody else is asked from now on. */
  mistrust?(): boolean;
  /** Who sent, for people: "peer node-b"; null for the registry alone. */
  sender?(): string | null;
  /** The blob is in the store, or nothing more will be fetched. */
  ended?(stored: boolean): void;
}

/** Puts something between a blob and its registry: the peers of this node. */
export type WrapSource = (origin: BlobSource, size: number) => BlobSource;

export interface DownloadLimits {
  /** Requests of one blob at a time. */
  connections: number;
  /** A body that brings less than `minBytes` in `windowMs` is given up, and fetched again from there. */
  windowMs: number;
  minBytes: number;
}

/** Several streams fill a fast line where one is held back by latency; ten times fewer bytes than any usable line has. */
export const DOWNLOAD_LIMITS: DownloadLimits = { connections: 4, windowMs: 20_000, minBytes: 20_000 };

interface Download {
  native: Pick<Native, "freeBuffer">;
  source: BlobSource;
  partial: PartialBlob;
  tracker: BlobTracker;
  limits: DownloadLimits;
  signal: AbortSignal;
  /** Failures so far. */
  turn: number;
  ranges: "unknown" | "yes" | "no";
  /** Called when the server turns out to serve ranges. */
  widen: () => void;
}

/**
 * Fetches what the tracker misses, in several ranges at once where the server can, each going on where it broke off. The
 * bytes are not verified here.
 * @throws BerthError registry_*, digest_mismatch (another size), insufficient_storage by way of ENOSPC
 */
export async function downloadBlob(
  native: Pick<Native, "freeBuffer">,
  source: BlobSource,
  partial: PartialBlob,
  tracker: BlobTracker,
  limits: DownloadLimits,
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const workers: Promise<void>[] = [];
  const download: Download = {
    ...{ native, source, partial, tracker, limits },
    signal: AbortSignal.any([signal, failed.signal]),
    turn: 0,
    ranges: "unknown",
    widen() {
      while (workers.length < limits.connections) start();
    },
  };
  const start = () => {
    workers.push(fetchSegments(download).catch((error: unknown) => failed.abort(error)));
  };
  start();
  // More may be added while the first runs.
  for (let index = 0; index < workers.length; index++) await workers[index];
  await partial.saveState(tracker.state());
  signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
}

async function fetchSegments(download: Download): Promise<void> {
  const { tracker, partial, source, signal } = download;
  for (let segment = tracker.claim(); segment !== null; segment = tracker.claim()) {
    const first = segment;
    let before = tracker.received;
    await withRetries(
      source.retry,
      signal,
      () => fetchFrom(download, first),
      () => {
        download.turn += 1;
        const progress = tracker.received > before;
        before = tracker.received;
        return progress;
      },
    );
    await partial.saveState(tracker.state());
  }
}

/** Fetches the rest of a segment; of all the blob where it must be. */
async function fetchFrom(download: Download, segment: number): Promise<void> {
  const { source, tracker, signal } = download;
  const wanted = download.ranges === "no" ? { from: tracker.contiguous, to: tracker.size } : tracker.missing(segment);
  if (wanted.from >= wanted.to) return;
  const body = await source.fetch(wanted, download.turn, signal);
  learnRanges(download, wanted, body);
  const to = download.ranges === "no" ? tracker.size : wanted.to;
  await takeBody(download, body, { from: wanted.from, to });
  if (body.end < to) await fetchFrom(download, segment);
}

function learnRanges(download: Download, wanted: { from: number; to: number }, body: BlobBody): void {
  const asked = wanted.from !== 0 || wanted.to !== download.tracker.size;
  if (download.ranges !== "unknown" || !asked) return;
  download.ranges = body.start === 0 && body.end === download.tracker.size ? "no" : "yes";
  if (download.ranges === "yes") download.widen();
  else download.tracker.claimRest();
}

async function takeBody(download: Download, { body, start, end }: BlobBody, wanted: { from: number; to: number }): Promise<void> {
  const watch = watchPace(body, download.limits);
  let position = start;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      download.signal.throwIfAborted();
      watch.came(chunk.byteLength);
      if (position + chunk.byteLength > end)
        throw new BerthError("digest_mismatch", `blob ${download.source.digest} came with more bytes than announced`);
      const { byteLength } = chunk;
      await store(download, chunk, position, wanted);
      position += byteLength;
      // Left to the garbage collector, what many connections brought would lie about by the tens of MiB.
      download.native.freeBuffer(chunk);
      // Read to its end a body leaves its connection to the next request.
      if (position >= wanted.to && end > position) break;
    }
  } catch (error) {
    throw error instanceof BerthError || errnoOf(error)?.startsWith("E") ? asWireError(error) : broken(download, position, error);
  } finally {
    watch.stop();
    body.destroy();
  }
  if (position < Math.min(end, wanted.to)) throw broken(download, position, new Error("the body ended early"));
}

/** Only bytes that are wanted and not there are written: what a reader has seen must never change. */
async function store({ partial, tracker }: Download, chunk: Buffer, position: number, wanted: { from: number; to: number }): Promise<void> {
  let at = Math.max(position, wanted.from);
  const end = Math.min(position + chunk.byteLength, wanted.to);
  while (at < end) {
    const segment = tracker.segmentAt(at);
    const missing = tracker.missing(segment);
    const upTo = Math.min(end, missing.to);
    if (at < missing.from || missing.from === missing.to) {
      at = Math.max(at + 1, Math.min(end, missing.from));
      continue;
    }
    await writeAll(partial.handle, chunk.subarray(at - position, upTo - position), at);
    tracker.wrote(segment, upTo - at);
    at = upTo;
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    done += (await handle.write(bytes, done, bytes.byteLength - done, position + done)).bytesWritten;
  }
}

function watchPace(body: Readable, limits: DownloadLimits): { came(bytes: number): void; stop(): void } {
  let bytes = 0;
  const timer = setInterval(() => {
    if (bytes < limits.minBytes) body.destroy(new BerthError("registry_unavailable", "the registry sends too slowly"));
    bytes = 0;
  }, limits.windowMs);
  return {
    came: (count) => {
      bytes += count;
    },
    stop: () => clearInterval(timer),
  };
}

const WIRE_ERRORS = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "ECONNREFUSED", "EPROTO", "EHOSTUNREACH", "ENETUNREACH"]);

/** Errors of the disk stay what they are; those of the line may be mended by another try. */
function asWireError(error: unknown): unknown {
  if (!WIRE_ERRORS.has(errnoOf(error) ?? "")) return error;
  return new BerthError("registry_unavailable", `the connection broke: ${errorText(error)}`, { cause: error });
}

function broken({ source, signal }: Download, position: number, error: unknown): unknown {
  if (signal.aborted) return signal.reason;
  return new BerthError("registry_unavailable", `blob ${source.digest} broke off after ${position} bytes: ${errorText(error)}`, {
    cause: error,
  });
}
