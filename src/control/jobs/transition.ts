import type { Assignment, Job } from "../../shared/domain/index.ts";
import type { ReplicaReport } from "../../shared/wire/index.ts";

/** Everything that can happen to a job after its submission. */
export type JobChange =
  | { type: "placed"; assignments: Assignment[] }
  | { type: "replica-report"; nodeId: string; report: ReplicaReport }
  | { type: "cancel-requested"; by: string }
  | { type: "node-lost"; nodeId: string; why: string }
  | { type: "replica-missing"; epoch: number; rank: number; why: string }
  | { type: "pending-reason"; reason: string };

/** One line for the job's history. */
export interface HistoryLine {
  type: string;
  message: string;
}

/** The row after a change (version one higher) and what to write into its history. */
export interface Transition {
  job: Job;
  history: HistoryLine[];
}

/**
 * The job state table.
 * @returns the same job object when nothing changes
 * @throws BerthError stale_epoch for a report of another attempt; conflict for a change the state does not allow
 */
export function applyEvent(_job: Job, _change: JobChange, _now: number): Transition {
  throw new Error("not yet");
}
