import type { Clock } from "./clock.ts";

/** Resolves after `milliseconds` or as soon as `signal` aborts: for loops that look at the signal themselves. Rejects only when the clock fails. */
export async function pause(clock: Pick<Clock, "sleep">, milliseconds: number, signal: AbortSignal): Promise<void> {
  await clock.sleep(milliseconds, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
