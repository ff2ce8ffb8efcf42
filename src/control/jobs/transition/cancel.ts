import { BerthError, isTerminal, type Job } from "../../../shared/domain/index.ts";
import { nextRow, nextRowUnpromised, type Transition, unchanged } from "../job-change.ts";

/**
 * A pending job is cancelled at once; an active one is stopped first, and neither retried nor requeued after.
 * @throws BerthError conflict when it has already ended in another way
 */
export function cancel(job: Job, by: string, now: number): Transition {
  if (job.state === "cancelled" || job.attempt?.stopReason === "cancel") return unchanged(job);
  if (isTerminal(job.state)) throw new BerthError("conflict", `job ${job.id} has already ${job.state}`);
  const line = { type: "cancel-requested", message: `cancel requested by ${by}` };
  if (job.attempt === null) {
    const outcome = { cause: "cancelled" as const, exitCode: null, message: `cancelled by ${by} before it started` };
    const cancelled = nextRowUnpromised(job, { state: "cancelled", finishedAt: now, pendingReason: null, outcome });
    return { job: cancelled, history: [line, { type: "cancelled", message: outcome.message }] };
  }
  return { job: nextRow(job, { state: "stopping", attempt: { ...job.attempt, stopReason: "cancel" } }), history: [line] };
}
