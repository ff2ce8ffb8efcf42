import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { BerthError, type Job } from "../../../shared/domain/index.ts";
import { groupCalls } from "../group-calls.ts";
import { isQueued, queueScore } from "../job-indexes.ts";
import type { JobStore, SubmitRequest } from "../job-store.ts";
import { fingerprint, IDEMPOTENCY_TTL_SECONDS, newJob, submittedLine } from "../submission.ts";
import { encodeRow } from "./job-rows.ts";
import { KEYS, MOST_CHANGES } from "./keys.ts";
import { batchScript, runBatch, type ScriptCall } from "./redis-call.ts";
import { submitLua } from "./scripts/submit.lua.ts";

const SUBMIT = batchScript(submitLua);
const MOST_AT_ONCE = 128;

/** Jobs that are submitted at the same time are written, and synced to disk, together. */
export function createSubmit(redis: Redis, get: JobStore["get"]): JobStore["submit"] {
  const send = groupCalls<ScriptCall, unknown>(MOST_AT_ONCE, (calls) => runBatch(redis, SUBMIT, calls));
  return async (request, now) => {
    const draft = newJob("", request, now);
    const [id, code] = (await send(callOf(request, draft, now))) as [string, number];
    if (code === -1) {
      throw new BerthError(
        "idempotency_conflict",
        `Idempotency-Key ${JSON.stringify(request.idempotencyKey)} was used for job ${id}, which differs`,
      );
    }
    const job = code === 1 ? await get(id) : { ...draft, id };
    if (job === null) throw new BerthError("internal", `job ${id} of an idempotency key has no row`);
    return { job, replayed: code === 1 };
  };
}

function callOf(request: SubmitRequest, draft: Job, now: number): ScriptCall {
  const { user, spec, idempotencyKey } = request;
  const line = submittedLine(user);
  const idempotency =
    idempotencyKey === null ? "" : KEYS.idempotency(createHash("sha256").update(`${user}\0${idempotencyKey}`).digest("hex"));
  return {
    keys: [
      ...[KEYS.jobId, idempotency, KEYS.all, KEYS.state("pending"), KEYS.project(spec.project), KEYS.user(user)],
      ...[KEYS.name(spec.name), KEYS.queue, KEYS.arrays],
    ],
    args: [
      ...[KEYS.jobPrefix, JSON.stringify(spec), encodeRow(draft), isQueued(draft) ? queueScore(draft) : "", now, fingerprint(request)],
      ...[IDEMPOTENCY_TTL_SECONDS, line.type, line.message, KEYS.changedChannel, KEYS.changes, MOST_CHANGES],
    ],
  };
}
