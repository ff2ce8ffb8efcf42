import { isDeepStrictEqual } from "node:util";
import { type Attempt, BerthError, isTerminal, type Job, type ReplicaState, type ReplicaStatus } from "../../../shared/domain/index.ts";
import type { ReplicaReport } from "../../../shared/wire/index.ts";
import { type HistoryLine, nextRow, type Transition, unchanged } from "../job-change.ts";
import { describeEnd } from "./describe-end.ts";
import { hardwareVerdict, type SickGpus } from "./hardware-fault.ts";
import { succeeded } from "./replica-end.ts";
import { settle } from "./settle.ts";

const ORDER: Record<ReplicaState, number> = { assigned: 0, preparing: 1, running: 2, exited: 3 };

/**
 * What a node says of one replica. A replica only moves forward and its first end is final, so late and repeated reports
 * change nothing.
 * @throws BerthError stale_epoch for another attempt, or a replica that is not the node's
 */
export function report(job: Job, nodeId: string, told: ReplicaReport, now: number, sickGpus: SickGpus = {}): Transition {
  if (told.epoch > job.epoch && job.state === "pending") return adoptEpoch(job, told.epoch, nodeId);
  const attempt = currentAttempt(job, told);
  const before = attempt.replicas.find((replica) => replica.rank === told.rank);
  const place = attempt.assignments.find((assignment) => assignment.rank === told.rank);
  if (before === undefined || place?.nodeId !== nodeId) {
    throw new BerthError("stale_epoch", `rank ${told.rank} of job ${job.id} is not assigned to ${nodeId}`);
  }
  if (isTerminal(job.state) || before.state === "exited" || ORDER[told.state] < ORDER[before.state]) return unchanged(job);
  const merged = merge(before, told, now);
  const hardware = hardwareVerdict(merged, place, sickGpus);
  const after = hardware === null ? merged : { ...merged, hardware };
  if (isDeepStrictEqual(before, after)) return unchanged(job);
  const replicas = attempt.replicas.map((replica) => (replica.rank === told.rank ? after : replica));
  const failed = after.state === "exited" && !succeeded(after);
  const stopReason = attempt.stopReason ?? (failed ? "replica-failed" : null);
  return settle(job, { ...attempt, replicas, stopReason }, [...checkpointLine(job, before, after), ...endLine(job, after, nodeId)], now);
}

function currentAttempt(job: Job, told: ReplicaReport): Attempt {
  if (job.attempt === null || job.attempt.epoch !== told.epoch) {
    throw new BerthError("stale_epoch", `job ${job.id} is at epoch ${job.epoch}, not ${told.epoch}`);
  }
  return job.attempt;
}

function adoptEpoch(job: Job, epoch: number, nodeId: string): Transition {
  const message = `${nodeId} reports epoch ${epoch}, which this store never gave: counting on from there`;
  return { job: nextRow(job, { epoch }), history: [{ type: "epoch-adopted", message }] };
}

/** Usage is kept only at the end: it changes at every report and would write the row every few seconds. */
function merge(before: ReplicaStatus, told: ReplicaReport, now: number): ReplicaStatus {
  const ended = told.state === "exited";
  return {
    rank: before.rank,
    state: told.state,
    message: told.message,
    // An end without a cause is an end nobody saw.
    cause: ended ? (told.cause ?? "lost") : null,
    exitCode: ended ? told.exitCode : null,
    startedAt: told.startedAt ?? before.startedAt,
    finishedAt: ended ? (told.finishedAt ?? now) : null,
    usage: ended ? told.usage : null,
    ...checkpointOf(before, told, now),
    ...(ended || told.ports === undefined ? {} : { ports: told.ports }),
  };
}

/** Clocks differ: a checkpoint of the future would make the job look as if it had nothing to lose for ever. */
function checkpointOf(before: ReplicaStatus, told: ReplicaReport, now: number): Pick<ReplicaStatus, "checkpointAt"> {
  const times = [before.checkpointAt, told.checkpointAt === undefined ? undefined : Math.min(told.checkpointAt, now)];
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? {} : { checkpointAt: Math.max(...known) };
}

/** Only the one that others wait for: those along the way would bury the job's own story. */
function checkpointLine(job: Job, before: ReplicaStatus, after: ReplicaStatus): HistoryLine[] {
  if (job.state !== "stopping" || after.checkpointAt === before.checkpointAt) return [];
  return [{ type: "checkpoint", message: `rank ${after.rank} has acknowledged its checkpoint` }];
}

function endLine(job: Job, replica: ReplicaStatus, nodeId: string): HistoryLine[] {
  return replica.state === "exited" ? [{ type: "replica-exited", message: describeEnd(job, replica, nodeId) }] : [];
}
