import { isActive, type Job, type ReplicaStatus } from "../../shared/domain/index.ts";
import type { DesiredReplica, SyncRequest } from "../../shared/wire/index.ts";

/** A replica of the node that the row believes in and the node's full report does not name. */
export interface Absence {
  jobId: string;
  epoch: number;
  replica: ReplicaStatus;
  stopping: boolean;
}

/** What this process remembers of one node between its syncs. Losing it only delays. */
export interface NodeMemory {
  incarnation: string;
  /** Replicas that the last answer said to stop. */
  toldToStop: ReadonlySet<string>;
  /** Running replicas that are absent: since when, monotonic milliseconds. */
  absentSince: ReadonlyMap<string, number>;
}

export function replicaKey(jobId: string, epoch: number, rank: number): string {
  return `${jobId}-${epoch}-${rank}`;
}

export function absences(nodeId: string, jobs: readonly Job[], request: Pick<SyncRequest, "replicas">): Absence[] {
  const reported = new Set(request.replicas.map(({ jobId, epoch, rank }) => replicaKey(jobId, epoch, rank)));
  return jobs.flatMap((job) => {
    const attempt = job.attempt;
    if (attempt === null || !isActive(job.state)) return [];
    return attempt.assignments
      .filter((assignment) => assignment.nodeId === nodeId && !reported.has(replicaKey(job.id, attempt.epoch, assignment.rank)))
      .flatMap((assignment) => attempt.replicas.find(({ rank, state }) => rank === assignment.rank && state !== "exited") ?? [])
      .map((replica) => ({ jobId: job.id, epoch: attempt.epoch, replica, stopping: job.state === "stopping" }));
  });
}

/**
 * The rule for an absent replica:
 * - not started yet, wanted: the answer goes on saying "run"; an agent without a record of it starts it.
 * - not started yet, to be stopped: once an answer of ours to the same agent process said "stop", it never will: `stopped`.
 * - running: an agent keeps its records over restarts, so this one lost them. Its container may still run until its lease
 *   ends and nobody renews it: the answer says "stop", and after lease and grace it is `lost`.
 */
export function concludeAbsence(absence: Absence, memory: NodeMemory | undefined, monotonic: number, lostMs: number): "stopped" | "lost" | null {
  const key = replicaKey(absence.jobId, absence.epoch, absence.replica.rank);
  if (absence.replica.state === "running") {
    return monotonic - (memory?.absentSince.get(key) ?? monotonic) >= lostMs ? "lost" : null;
  }
  return absence.stopping && memory?.toldToStop.has(key) ? "stopped" : null;
}

export function remember(request: SyncRequest, before: NodeMemory | undefined, absent: readonly Absence[], desired: readonly DesiredReplica[], monotonic: number): NodeMemory {
  const keyOf = ({ jobId, epoch, replica }: Absence) => replicaKey(jobId, epoch, replica.rank);
  const running = absent.filter(({ replica }) => replica.state === "running").map(keyOf);
  return {
    incarnation: request.incarnation,
    toldToStop: new Set(desired.filter(({ action }) => action === "stop").map(({ jobId, epoch, rank }) => replicaKey(jobId, epoch, rank))),
    absentSince: new Map(running.map((key) => [key, before?.absentSince.get(key) ?? monotonic])),
  };
}
