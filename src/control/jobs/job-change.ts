import type { Assignment, GpuCondition, ImageLayer, Job, RoomPromise } from "../../shared/domain/index.ts";
import type { ReplicaReport } from "../../shared/wire/index.ts";

/** Everything that can happen to a job after its submission. */
export type JobChange =
  | { type: "placed"; assignments: Assignment[] }
  | { type: "replica-report"; nodeId: string; report: ReplicaReport; sickGpus?: Readonly<Record<string, string>> }
  | { type: "cancel-requested"; by: string }
  /** It must make room for another job. */
  | { type: "preempted"; epoch: number; why: string; moves?: boolean }
  /** The node's containers are certainly dead: it was silent for lease and grace, or it booted again. */
  | { type: "node-lost"; nodeId: string; why: string }
  /** One replica is certainly gone although its node lives. `cause` lost: not charged; stopped: it never started. */
  | { type: "replica-missing"; epoch: number; rank: number; cause: "lost" | "stopped"; why: string }
  /** Room is being made for it; null when that is over. */
  | { type: "room-promised"; promise: RoomPromise | null }
  | { type: "pending-reason"; reason: string }
  /** Its image was looked up at the registry; `note` for people, null when there is nothing to say. */
  | {
      type: "image-looked-up";
      requirements: GpuCondition[][][];
      digest: string | null;
      architectures: string[];
      layers: ImageLayer[];
      note: string | null;
    };

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

/** The row with `changes`, one version on. */
export function nextRow(job: Job, changes: Partial<Job>): Job {
  return { ...job, ...changes, version: job.version + 1 };
}

/** As `nextRow`, of a job that no longer waits for the room it was promised. */
export function nextRowUnpromised({ promise: _over, ...job }: Job, changes: Partial<Job>): Job {
  return nextRow(job, changes);
}

/** Nothing to write. `applyChange` knows it by the same job object. */
export function unchanged(job: Job): Transition {
  return { job, history: [] };
}
