import type { BlobFetch } from "./fetch-blob-once.ts";

/** One fetch of a blob however many pulls want it at the same time; it ends early when none does any more. */
export interface SharedFetches {
  join(digest: string, start: (signal: AbortSignal) => BlobFetch, signal: AbortSignal): BlobFetch;
  /** The one that is under way; null when none is. */
  find(digest: string): BlobFetch | null;
}

interface Shared {
  fetch: BlobFetch;
  users: number;
  abort: AbortController;
}

/** For one process: keyed by digest, so two registries' copies of a layer are one fetch. */
export function createSharedFetches(): SharedFetches {
  const running = new Map<string, Shared>();
  const begin = (digest: string, start: (signal: AbortSignal) => BlobFetch): Shared => {
    const abort = new AbortController();
    const shared = { fetch: start(abort.signal), users: 0, abort };
    running.set(digest, shared);
    const forget = () => {
      if (running.get(digest) === shared) running.delete(digest);
    };
    shared.fetch.done.then(forget, forget);
    return shared;
  };
  return {
    find: (digest) => running.get(digest)?.fetch ?? null,
    join(digest, start, signal) {
      const existing = running.get(digest);
      // One that is being given up serves nobody new.
      const shared = existing && !existing.abort.signal.aborted ? existing : begin(digest, start);
      shared.users += 1;
      return { ...shared.fetch, done: untilAborted(shared, signal) };
    },
  };
}

function untilAborted(shared: Shared, signal: AbortSignal): Promise<void> {
  const finished = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const leave = () => {
      shared.users -= 1;
      if (shared.users === 0) shared.abort.abort(signal.reason);
      reject(signal.reason);
    };
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true, signal: finished.signal });
  });
  const done = Promise.race([shared.fetch.done, aborted]).finally(() => finished.abort());
  // Whoever waits sees it; a pull that failed otherwise may not wait any more.
  done.catch(() => undefined);
  return done;
}
