import type { Job } from "../../../shared/domain/index.ts";
import { nextRow, type Transition, unchanged } from "../job-change.ts";

/** No history line: the reason follows the cluster's ups and downs and would bury the job's own story. */
export function explainPending(job: Job, reason: string): Transition {
  if (job.state !== "pending" || job.pendingReason === reason) return unchanged(job);
  return { job: nextRow(job, { pendingReason: reason }), history: [] };
}
