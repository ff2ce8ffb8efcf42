import { createHash } from "node:crypto";
import type { ArrayTask, Job, JobState } from "../../shared/domain/index.ts";
import type { HistoryLine } from "./job-change.ts";
import type { SubmitRequest } from "./job-store.ts";

export const IDEMPOTENCY_TTL_SECONDS = 24 * 3600;

/** The row of a job that was just accepted. The store fills in the id, which it counts up in the same step. */
export function newJob(id: string, request: SubmitRequest, now: number): Job {
  return {
    id,
    spec: request.spec,
    state: "pending",
    epoch: 0,
    version: 1,
    user: request.user,
    submittedAt: now,
    queuedAt: now,
    startedAt: null,
    finishedAt: null,
    retriesUsed: 0,
    attempt: null,
    pendingReason: "waiting for the scheduler",
    outcome: null,
    ...(request.spec.array === undefined ? {} : { array: { waiting: request.spec.array.indexes, dropped: 0, tasks: noTasks() } }),
  };
}

/** Every state with 0: readers need not tell absent from none. */
export function noTasks(): Record<JobState, number> {
  return { pending: 0, starting: 0, running: 0, stopping: 0, succeeded: 0, failed: 0, cancelled: 0 };
}

/** A task's row: its age in the queue counts from now, so that an array of any size never stands before those who come after it. */
export function newTask(id: string, array: Job, index: number, now: number): Job {
  const { array: _progress, ...job } = newJob(id, { spec: array.spec, user: array.user, idempotencyKey: null }, now);
  const task: ArrayTask = { arrayId: array.id, index };
  return { ...job, ...imageFactsOf(array), submittedAt: array.submittedAt, task };
}

/** What was looked up once for the array holds for its tasks: all run one digest. */
function imageFactsOf({ imageRequirements, imageDigest, imageArchitectures, imageLayers }: Job): Partial<Job> {
  return {
    ...(imageRequirements === undefined ? {} : { imageRequirements }),
    ...(imageDigest === undefined ? {} : { imageDigest }),
    ...(imageArchitectures === undefined ? {} : { imageArchitectures }),
    ...(imageLayers === undefined ? {} : { imageLayers }),
  };
}

/** The first line of a task's history. */
export function taskStartedLine({ id }: Job, index: number): HistoryLine {
  return { type: "submitted", message: `task ${index} of array ${id}` };
}

/** The first line of a job's history. */
export function submittedLine(user: string): HistoryLine {
  return { type: "submitted", message: `submitted by ${user}` };
}

/** Tells whether two requests with the same Idempotency-Key ask for the same job. */
export function fingerprint(request: SubmitRequest): string {
  return createHash("sha256").update(JSON.stringify(request.spec)).digest("hex");
}
