import type { Clock } from "../../../shared/domain/index.ts";

/** Waits so that what goes through stays below a rate on average; null for no limit. */
export interface Throttle {
  take(bytes: number, signal: AbortSignal): Promise<void>;
}

export const UNTHROTTLED: Throttle = { take: async () => undefined };

/** Shorter waits cost more than they slow down. */
const SHORTEST_WAIT_MS = 5;

/** Counts from now: what was not used while nothing was taken may be taken at once later. */
export function createThrottle(bytesPerSecond: number | null, clock: Clock): Throttle {
  const started = clock.monotonic();
  let taken = 0;
  return {
    async take(bytes, signal) {
      taken += bytes;
      if (bytesPerSecond === null) return;
      const early = started + (taken / bytesPerSecond) * 1000 - clock.monotonic();
      if (early >= SHORTEST_WAIT_MS) await clock.sleep(early, signal);
    },
  };
}
