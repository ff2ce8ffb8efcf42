import { BerthError, type Clock } from "../../shared/domain/index.ts";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** Longer than a control plane takes to be restarted, or its machine to boot. */
export const GIVE_UP_AFTER_MS = 10 * 60_000;

/** A cut connection or a server that restarts; not a refusal. */
export function isTransient(error: unknown): boolean {
  return error instanceof BerthError ? error.retryable : typeof (error as NodeJS.ErrnoException | null)?.code === "string";
}

/** Milliseconds before the next try: 100, 200, 400 ... 5000. */
export function retryPause(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failures, 10), LONGEST_PAUSE_MS);
}

/**
 * Asks again while the server is away: for those that have reached it before and wait for something of it.
 * @throws the last error after ten minutes, a refusal at once
 */
export async function patiently<T>(clock: Clock, ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const deadline = clock.monotonic() + GIVE_UP_AFTER_MS;
  for (let failures = 0; ; failures += 1) {
    try {
      return await ask();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isTransient(error) || clock.monotonic() > deadline) throw error;
      await clock.sleep(retryPause(failures), signal);
    }
  }
}
