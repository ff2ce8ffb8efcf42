import type { Job } from "../domain/index.ts";
import { isTerminal } from "../domain/index.ts";
import type { Metrics } from "./metrics.ts";

/** Counts what a change of a job's row means. `before` is null for a new row. */
export function recordJobChange(metrics: Metrics, before: Job | null, after: Job): void {
  if (before === null) metrics.jobsSubmitted.inc();
  if (before && after.epoch > before.epoch && after.attempt) {
    metrics.jobQueueWait.observe(Math.max(0, after.attempt.assignedAt - before.queuedAt) / 1000);
  }
  if (isTerminal(after.state) && !(before && isTerminal(before.state))) recordEnd(metrics, after);
}

function recordEnd(metrics: Metrics, job: Job): void {
  metrics.jobsFinished.inc({ outcome: job.state });
  if (job.startedAt !== null && job.finishedAt !== null) {
    metrics.jobRun.observe({ outcome: job.state }, Math.max(0, job.finishedAt - job.startedAt) / 1000);
  }
}
