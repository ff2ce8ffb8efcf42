import { createHash } from "node:crypto";
import type { Job } from "../../shared/domain/index.ts";
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
  };
}

export function submittedLine(user: string): HistoryLine {
  return { type: "submitted", message: `submitted by ${user}` };
}

/** Tells whether two requests with the same Idempotency-Key ask for the same job. */
export function fingerprint(request: SubmitRequest): string {
  return createHash("sha256").update(JSON.stringify(request.spec)).digest("hex");
}
