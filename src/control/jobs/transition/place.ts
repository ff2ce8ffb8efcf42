import { type Assignment, BerthError, type Job, placesText, type ReplicaStatus } from "../../../shared/domain/index.ts";
import { nextRowUnpromised, type Transition } from "../job-change.ts";

/**
 * pending -> starting under the next epoch; all replicas or none.
 * @throws BerthError conflict when the job is not pending or the assignments are not one for each rank
 */
export function place(job: Job, assignments: Assignment[], now: number): Transition {
  if (job.state !== "pending") throw new BerthError("conflict", `job ${job.id} is ${job.state}, not pending`);
  const { replicas, minReplicas = replicas } = job.spec;
  if (
    assignments.length > replicas ||
    assignments.length < minReplicas ||
    assignments.some((assignment, rank) => assignment.rank !== rank)
  ) {
    throw new BerthError("conflict", `${assignments.length} assignments for the ${job.spec.replicas} replicas of job ${job.id}`);
  }
  const epoch = job.epoch + 1;
  const attempt = { epoch, assignments, replicas: assignments.map(assigned), assignedAt: now, startedAt: null, stopReason: null };
  return {
    job: nextRowUnpromised(job, { state: "starting", epoch, attempt, pendingReason: null }),
    history: [{ type: "placed", message: `placed on ${placesText(assignments)}` }],
  };
}

function assigned({ rank }: Assignment): ReplicaStatus {
  return { rank, state: "assigned", message: null, cause: null, exitCode: null, startedAt: null, finishedAt: null, usage: null };
}
