import { isActive, type Job, type ReplicaStatus } from "../../shared/domain/index.ts";
import type { SyncRequest } from "../../shared/wire/index.ts";

/** A replica of the node that the row believes in and the node's full report does not name. */
export interface Absence {
  jobId: string;
  epoch: number;
  replica: ReplicaStatus;
  stopping: boolean;
}

/** Replicas of one node that are absent, with since when (monotonic milliseconds). Losing it only delays. */
export interface NodeMemory {
  incarnation: string;
  absentSince: ReadonlyMap<string, number>;
}

/** "<job>-<epoch>-<rank>": a replica of an earlier attempt is another one. */
export function replicaKey(jobId: string, epoch: number, rank: number): string {
  return `${jobId}-${epoch}-${rank}`;
}

/** What the rows place on the node and its full report leaves out; ended replicas are not missed. */
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
 * The rule for an absent replica: one that has not started and is wanted is started by an agent without a record of it, so
 * the answer goes on saying "run". Any other (it ran, or is to be stopped) cannot come back: agents keep their records over
 * restarts, so this one lost them, or does not answer for what it never had. Its container may still run until its lease
 * ends; nobody renews that, for the answer says "stop"; after lease and grace it is certainly dead.
 */
export function isAbandoned({ replica, stopping }: Absence): boolean {
  return replica.state === "running" || stopping;
}

/** The abandoned replicas that are absent since lease and grace. */
export function concludable(absent: readonly Absence[], memory: NodeMemory | undefined, monotonic: number, lostMs: number): Absence[] {
  return absent.filter(
    (absence) => isAbandoned(absence) && monotonic - (memory?.absentSince.get(absenceKey(absence)) ?? monotonic) >= lostMs,
  );
}

/** Who came back is forgotten, so that a later absence counts from its own beginning; `monotonic` in milliseconds. */
export function remember(incarnation: string, before: NodeMemory | undefined, absent: readonly Absence[], monotonic: number): NodeMemory {
  const keys = absent.filter(isAbandoned).map(absenceKey);
  return { incarnation, absentSince: new Map(keys.map((key) => [key, before?.absentSince.get(key) ?? monotonic])) };
}

/** Names the replica that is absent, as `replicaKey` does. */
export function absenceKey({ jobId, epoch, replica }: Absence): string {
  return replicaKey(jobId, epoch, replica.rank);
}
