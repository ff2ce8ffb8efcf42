import { BerthError } from "../../shared/domain/index.ts";

/** One replica of one attempt: at most one container ever carries a given key. */
export interface ReplicaKey {
  jobId: string;
  epoch: number;
  rank: number;
}

/**
 * "job-<jobId>-<epoch>-<rank>": the same key always names the same container, so a repeated start finds its own work.
 * @throws BerthError invalid_request when the job id could not be part of a container id (it becomes a file name)
 */
export function containerIdOf(key: ReplicaKey): string {
  const id = `job-${key.jobId}-${key.epoch}-${key.rank}`;
  if (!/^job-[a-z0-9][a-z0-9-]{0,58}$/.test(id)) {
    throw new BerthError("invalid_request", `job id ${JSON.stringify(key.jobId)} cannot be part of a container id`);
  }
  return id;
}

/** By these an agent that starts knows which containers of the engine are replicas. */
export function labelsOf(key: ReplicaKey): Record<string, string> {
  return { "berth.job": key.jobId, "berth.epoch": String(key.epoch), "berth.rank": String(key.rank) };
}

/** Null for a container that is no replica (a build step, for one). */
export function keyFromLabels(labels: Record<string, string>): ReplicaKey | null {
  const jobId = labels["berth.job"];
  const epoch = Number(labels["berth.epoch"]);
  const rank = Number(labels["berth.rank"]);
  return jobId !== undefined && Number.isSafeInteger(epoch) && Number.isSafeInteger(rank) ? { jobId, epoch, rank } : null;
}

/** True when both are the same rank of the same job, whatever the attempt. */
export function sameRank(one: ReplicaKey, other: ReplicaKey): boolean {
  return one.jobId === other.jobId && one.rank === other.rank;
}
