import { open } from "node:fs/promises";
import type { Clock } from "../../../shared/domain/index.ts";
import type { Native } from "../../platform/index.ts";

/** Runs one holder at a time, over all processes that share the file. */
export interface StoreLock {
  run<T>(work: () => Promise<T>): Promise<T>;
}

const FIRST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 50;

/**
 * flock on `path`: the kernel frees it when its holder dies, so no lock is ever stale. Waiters of this process queue in
 * order; another process is waited for by polling, as a blocking flock would hold a worker thread.
 */
export function createStoreLock(options: { path: string; native: Pick<Native, "tryLock">; clock: Clock }): StoreLock {
  let last: Promise<unknown> = Promise.resolve();
  const acquire = async () => {
    const handle = await open(options.path, "a", 0o600);
    for (let wait = FIRST_WAIT_MS; !options.native.tryLock(handle.fd); wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
      await options.clock.sleep(wait);
    }
    return handle;
  };
  const locked = async <T>(work: () => Promise<T>): Promise<T> => {
    const handle = await acquire();
    try {
      return await work();
    } finally {
      await handle.close();
    }
  };
  return {
    run(work) {
      const result = last.then(() => locked(work));
      last = result.catch(() => undefined);
      return result;
    },
  };
}
