import { type Attempt, isActive, type Job, type ReplicaStatus } from "../../../shared/domain/index.ts";
import { type Transition, unchanged } from "../job-change.ts";
import { settle } from "./settle.ts";

/** Ends the node's replicas without an exit code; the rest of the gang must stop, for it cannot go on without them. */
export function loseNode(job: Job, nodeId: string, why: string, now: number): Transition {
  const ranks = new Set(job.attempt?.assignments.filter((assignment) => assignment.nodeId === nodeId).map(({ rank }) => rank));
  const hardware = { gpuUuid: null, why };
  return lose(job, (replica) => ranks.has(replica.rank), { cause: "lost", hardware }, { type: "node-lost", message: why }, now);
}

export interface MissingReplica {
  epoch: number;
  rank: number;
  cause: "lost" | "stopped";
  why: string;
}

/** Ends one replica that its living node has no trace of. */
export function loseReplica(job: Job, missing: MissingReplica, now: number): Transition {
  if (job.attempt?.epoch !== missing.epoch) return unchanged(job);
  return lose(
    job,
    (replica) => replica.rank === missing.rank,
    { cause: missing.cause },
    { type: "replica-missing", message: missing.why },
    now,
  );
}

function lose(
  job: Job,
  affected: (replica: ReplicaStatus) => boolean,
  end: Pick<ReplicaStatus, "cause" | "hardware">,
  line: { type: string; message: string },
  now: number,
): Transition {
  const attempt = job.attempt;
  if (attempt === null || !isActive(job.state)) return unchanged(job);
  const gone = (replica: ReplicaStatus) => replica.state !== "exited" && affected(replica);
  if (!attempt.replicas.some(gone)) return unchanged(job);
  const replicas = attempt.replicas.map(
    (replica): ReplicaStatus =>
      gone(replica) ? { ...replica, state: "exited", ...end, exitCode: null, finishedAt: now, message: line.message } : replica,
  );
  const next: Attempt = { ...attempt, replicas, stopReason: attempt.stopReason ?? "node-lost" };
  return settle(job, next, [line], now);
}
