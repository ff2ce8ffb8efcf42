import { BerthError, type Clock, isBerthError } from "../../../shared/domain/index.ts";
import { createDigester, digestHex } from "../../../shared/oci/index.ts";
import type { Native } from "../../platform/index.ts";
import type { BlobStore } from "../content/blob-store.ts";
import { openPartial, type PartialBlob } from "../content/partial-blobs.ts";
import { asStorageError } from "../content/storage-error.ts";
import type { StorePaths } from "../paths.ts";
import { type BlobTracker, createBlobTracker } from "./blob-tracker.ts";
import { type BlobSource, type DownloadLimits, downloadBlob } from "./download-blob.ts";
import { readGrowing } from "./growing-file.ts";

export interface FetchPorts {
  paths: StorePaths;
  native: Pick<Native, "tryLock" | "freeBuffer">;
  clock: Clock;
  blobs: Pick<BlobStore, "size" | "stream">;
  limits: DownloadLimits;
}

/** A blob on its way into the store. */
export interface BlobFetch {
  readonly size: number;
  /** Bytes received so far. */
  received(): number;
  /** How many of them are complete from the start. */
  contiguous(): number;
  /** Who sent them, for people; null for the registry alone. */
  sender(): string | null;
  /** The bytes in order while they arrive; not yet verified: whoever uses them must check what he makes of them. With `reuse` a chunk holds only until the next one is asked for. */
  bytes(from?: number, reuse?: boolean): AsyncIterable<Uint8Array>;
  /** Resolves when the blob is in the store, verified and on disk. */
  done: Promise<void>;
}

/** Bytes with the wrong digest are fetched once more: a mirror, a proxy or a lost page of a crash may be to blame. */
const TRIES = 2;

/** Begins to fetch; the caller has pinned the digest. */
export function startFetch(ports: FetchPorts, source: BlobSource, size: number, signal: AbortSignal): BlobFetch {
  let tracker: BlobTracker | null = null;
  let opened: (tracker: BlobTracker) => void = () => undefined;
  let failed: (error: unknown) => void = () => undefined;
  const ready = new Promise<BlobTracker>((resolve, reject) => {
    opened = resolve;
    failed = reject;
  });
  ready.catch(() => undefined);
  const onTracker = (next: BlobTracker) => {
    tracker = next;
    opened(next);
  };
  const done = fetchVerified(ports, source, size, onTracker, signal).catch((error: unknown) => {
    failed(error);
    throw asStorageError(error);
  });
  done.then(
    () => source.ended?.(true),
    () => source.ended?.(false),
  );
  done.then(() => failed(new Error("the blob was there already"))).catch(() => undefined);
  return {
    size,
    received: () => tracker?.received ?? 0,
    contiguous: () => tracker?.contiguous ?? 0,
    sender: () => source.sender?.() ?? null,
    async *bytes(from = 0, reuse = false) {
      const growing = await ready.catch(() => null);
      if (growing === null) {
        await done;
        // Whoever asks for a part has the one before it already.
        if (from > 0) throw new Error("the blob was there already");
        yield* ports.blobs.stream(source.digest) as AsyncIterable<Uint8Array>;
        return;
      }
      yield* readGrowing(ports.native, [partialPath(ports.paths, source.digest), ports.paths.blob(source.digest)], growing, reuse, from);
    },
    done,
  };
}

function partialPath(paths: StorePaths, digest: string): string {
  return `${paths.partials}/${digestHex(digest)}`;
}

async function fetchVerified(
  ports: FetchPorts,
  source: BlobSource,
  size: number,
  onTracker: (tracker: BlobTracker) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let left = TRIES; ; left--) {
    const partial = await openPartial(ports, source.digest, signal);
    try {
      // Another process was faster.
      if ((await ports.blobs.size(source.digest)) === size) return await partial.discard();
      return await fetchInto(ports, source, partial, size, onTracker, signal);
    } catch (error) {
      // A full disk is not helped by what is kept for later.
      if (isBerthError(asStorageError(error), "insufficient_storage")) await partial.discard();
      if (!isBerthError(error, "digest_mismatch")) throw error;
      await partial.discard();
      if (source.mistrust?.() === true) left++;
      else if (left === 1) throw error;
    } finally {
      await partial.close();
    }
  }
}

async function fetchInto(
  ports: FetchPorts,
  source: BlobSource,
  partial: PartialBlob,
  size: number,
  onTracker: (tracker: BlobTracker) => void,
  signal: AbortSignal,
): Promise<void> {
  const tracker = createBlobTracker(size, partial.state);
  onTracker(tracker);
  const hashed = hashOf(ports.native, partial.path, tracker, source.digest);
  hashed.catch(() => undefined);
  try {
    if (size > 0) await downloadBlob(ports.native, source, partial, tracker, ports.limits, signal);
    const digest = await hashed;
    if (digest !== source.digest) throw new BerthError("digest_mismatch", `blob ${source.digest} came with digest ${digest}`);
    await partial.publish();
  } catch (error) {
    tracker.fail(error);
    throw error;
  }
}

async function hashOf(memory: FetchPorts["native"], path: string, tracker: BlobTracker, like: string): Promise<string> {
  const digester = createDigester(like);
  for await (const chunk of readGrowing(memory, [path], tracker, true)) digester.update(chunk);
  return digester.digest();
}
