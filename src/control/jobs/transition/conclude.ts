import { type Attempt, type Job, lastCheckpoint, type Outcome, type ReplicaStatus } from "../../../shared/domain/index.ts";
import { type HistoryLine, nextRow, type Transition } from "../job-change.ts";
import { describeEnd } from "./describe-end.ts";
import { avoidedAfter, isFailedStart } from "./hardware-fault.ts";
import { decisiveReplica, interrupted, succeeded } from "./replica-end.ts";

/** A job that takes its node down every time must not walk through the whole cluster. */
const MOST_INTERRUPTIONS = 16;

/** Nor one that no machine can start: what is the same on each of them is the job's own doing. */
const MOST_FAILED_STARTS = 5;

/** Start errors that the next try would meet again (the message starts with the catalogue's code). */
const PERMANENT_START_ERROR =
  /^(image_not_found|image_invalid|layer_invalid|invalid_reference|invalid_job_spec|mount_forbidden|forbidden)\b/;

/**
 * All replicas have ended: how the job goes on.
 * - cancelled, when somebody asked for it;
 * - succeeded, when every replica exited with 0;
 * - pending again in its old place, when it was preempted, whatever its program made of that;
 * - pending again without charge, when a node or lease was lost or the hardware is to blame (which it then avoids): the failures of the rest of a gang are then taken as
 *   the consequence, which is what a broken collective looks like; not after MOST_FAILED_STARTS in a row that never ran;
 * - pending again, charged, while retries are left (not after a time limit: it would be met again, as in Slurm);
 * - failed.
 */
export function conclude(job: Job, attempt: Attempt, history: HistoryLine[], now: number): Transition {
  const decisive = decisiveReplica(attempt);
  const place = attempt.assignments.find((assignment) => assignment.rank === decisive?.rank);
  const text = decisive === undefined ? "no replica" : describeEnd(job, decisive, place?.nodeId);
  const avoid = avoidedAfter(job, attempt, now);
  const blamed = avoid.length === 0 ? {} : { avoid };
  const end = (state: "succeeded" | "failed" | "cancelled", outcome: Outcome): Transition => ({
    job: nextRow(job, {
      state,
      attempt,
      outcome,
      startedAt: attempt.startedAt,
      finishedAt: endOf(attempt, now),
      ...savedBy(attempt),
      ...blamed,
    }),
    history: [...history, { type: state, message: outcome.message }],
  });

  if (attempt.stopReason === "cancel") {
    return end("cancelled", { cause: "cancelled", exitCode: decisive?.exitCode ?? null, message: `cancelled; ${text}` });
  }
  if (attempt.replicas.every(succeeded)) {
    const message = attempt.replicas.length === 1 ? text : "every replica exited with code 0";
    return end("succeeded", { cause: "exited", exitCode: 0, message });
  }
  if (attempt.stopReason === "preempted") return giveWay(job, attempt, history, now);
  const failed = { cause: decisive?.cause ?? "lost", exitCode: decisive?.exitCode ?? null, message: text };
  const hardware = attempt.replicas.find((replica) => replica.hardware !== undefined);
  const starts = attempt.replicas.some(isFailedStart) ? (job.failedStarts ?? 0) + 1 : 0;
  const startless = starts >= MOST_FAILED_STARTS;
  if (!startless && (wasInterrupted(attempt) || hardware !== undefined)) {
    const interruptions = job.epoch - job.retriesUsed - (job.preemptions ?? 0);
    const kept = { ...blamed, ...(starts === (job.failedStarts ?? 0) ? {} : { failedStarts: starts }) };
    if (interruptions < MOST_INTERRUPTIONS) return requeue(job, attempt, 0, `queued again, not charged: ${text}`, history, now, kept);
    return end("failed", { ...failed, message: `lost its place ${interruptions} times; the last time it ${text}` });
  }
  const why = startless ? `${starts} attempts in a row did not start; the last, on ${place?.nodeId ?? "?"}, ${text}` : text;
  if (decisive !== undefined && mayRetry(job, decisive)) {
    const kept = { ...blamed, ...(job.failedStarts === undefined ? {} : { failedStarts: 0 }) };
    return requeue(job, attempt, 1, `retry ${job.retriesUsed + 1} of ${job.spec.retries}: ${why}`, history, now, kept);
  }
  return end("failed", { ...failed, message: why });
}

/** `queuedAt` stays: who had to make room keeps the place in the queue. */
function giveWay(job: Job, attempt: Attempt, history: HistoryLine[], now: number): Transition {
  const pending = {
    state: "pending" as const,
    attempt: null,
    startedAt: null,
    preemptions: (job.preemptions ?? 0) + 1,
    ...savedBy(attempt),
    serviceMs: (job.serviceMs ?? 0) + (attempt.startedAt === null ? 0 : Math.max(0, endOf(attempt, now) - attempt.startedAt)),
    pendingReason: "made room for another job; waiting for the scheduler",
  };
  return {
    job: nextRow(job, pending),
    history: [...history, { type: "requeued", message: "queued again in its old place, not charged: preempted" }],
  };
}

/** A replica that was stopped although nobody asked (its agent is shutting down) is the machine's doing too. */
function wasInterrupted(attempt: Attempt): boolean {
  const unasked =
    attempt.stopReason === "replica-failed" && attempt.replicas.every((replica) => succeeded(replica) || replica.cause === "stopped");
  return attempt.stopReason === "node-lost" || unasked || attempt.replicas.some(interrupted);
}

function mayRetry(job: Job, decisive: ReplicaStatus): boolean {
  if (decisive.cause === "time-limit") return false;
  if (decisive.cause === "start-failed" && PERMANENT_START_ERROR.test(decisive.message ?? "")) return false;
  return job.retriesUsed < job.spec.retries;
}

/** The last attempt is kept in the history only: the row of a pending job holds nothing. */
function requeue(
  job: Job,
  attempt: Attempt,
  charge: 0 | 1,
  why: string,
  history: HistoryLine[],
  now: number,
  kept: Pick<Job, "avoid" | "failedStarts">,
): Transition {
  const retriesUsed = job.retriesUsed + charge;
  const pending = {
    state: "pending" as const,
    attempt: null,
    startedAt: null,
    queuedAt: now,
    retriesUsed,
    ...savedBy(attempt),
    ...kept,
    pendingReason: "waiting for the scheduler",
  };
  return { job: nextRow(job, pending), history: [...history, { type: charge === 0 ? "requeued" : "retrying", message: why }] };
}

function savedBy(attempt: Attempt): Pick<Job, "checkpointAt"> {
  const checkpointAt = lastCheckpoint(attempt);
  return checkpointAt === undefined ? {} : { checkpointAt };
}

function endOf(attempt: Attempt, now: number): number {
  const ends = attempt.replicas.flatMap((replica) => replica.finishedAt ?? []);
  return Math.max(attempt.startedAt ?? attempt.assignedAt, Math.min(now, Math.max(...ends)));
}
