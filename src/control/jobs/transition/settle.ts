import type { Attempt, Job, ReplicaStatus } from "../../../shared/domain/index.ts";
import { type HistoryLine, nextRow, type Transition } from "../job-change.ts";
import { conclude } from "./conclude.ts";

/** The job's state as its attempt's replicas make it. */
export function settle(job: Job, attempt: Attempt, history: HistoryLine[], now: number): Transition {
  if (attempt.replicas.every((replica) => replica.state === "exited")) return conclude(job, withStart(attempt, now), history, now);
  if (attempt.stopReason !== null) {
    const line = { type: "stopping", message: stoppingText(attempt) };
    return { job: nextRow(job, { state: "stopping", attempt }), history: job.state === "stopping" ? history : [...history, line] };
  }
  if (job.state !== "starting" || !attempt.replicas.every(hasStarted)) return { job: nextRow(job, { attempt }), history };
  const started = withStart(attempt, now);
  const line = { type: "running", message: job.spec.replicas === 1 ? "running" : `all ${attempt.replicas.length} replicas run` };
  return { job: nextRow(job, { state: "running", attempt: started, startedAt: started.startedAt }), history: [...history, line] };
}

function hasStarted(replica: ReplicaStatus): boolean {
  return replica.state === "running" || replica.state === "exited";
}

/** When its last replica started, by the nodes' clocks but never outside what the control plane itself saw. */
function withStart(attempt: Attempt, now: number): Attempt {
  const starts = attempt.replicas.flatMap((replica) => replica.startedAt ?? []);
  if (attempt.startedAt !== null || starts.length === 0) return attempt;
  return { ...attempt, startedAt: Math.min(now, Math.max(attempt.assignedAt, ...starts)) };
}

function stoppingText(attempt: Attempt): string {
  const left = attempt.replicas.filter((replica) => replica.state !== "exited").length;
  return `stopping ${left === 1 ? "the last replica" : `${left} replicas`}: ${attempt.stopReason?.replace("-", " ")}`;
}
