import type { Metrics } from "./metrics.ts";

/** Sets the pending gauges from a pass's reasons; kinds that nobody waits for any more go to 0, so that alerts can end. */
export function recordPending(metrics: Metrics, reasons: readonly { kind: string }[]): void {
  const counts = new Map<string, number>();
  for (const { kind } of reasons) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  metrics.jobsPending.reset();
  for (const [reason, count] of counts) metrics.jobsPending.set({ reason }, count);
}
