import { isActive, type Job } from "../../../shared/domain/index.ts";
import { nextRow, type Transition, unchanged } from "../job-change.ts";

/** Stops the attempt with its grace period. Not when it is being stopped already, or is another attempt by now. */
export function preempt(job: Job, { epoch, why, moves }: { epoch: number; why: string; moves?: boolean }, now: number): Transition {
  const { attempt } = job;
  if (attempt === null || attempt.epoch !== epoch || !isActive(job.state) || attempt.stopReason !== null) return unchanged(job);
  const moved = moves === true ? { movedAt: now } : {};
  return {
    job: nextRow(job, { state: "stopping", attempt: { ...attempt, stopReason: "preempted" }, ...moved }),
    history: [moves === true ? { type: "moved", message: why } : { type: "preempted", message: `must make room: ${why}` }],
  };
}
