import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { BerthError, isActive, isTerminal, type Job, type JobEvent, type JobState } from "../../../shared/domain/index.ts";
import { claimsOf } from "../gpu-claims.ts";
import type { Transition } from "../job-change.ts";
import { idOfQueueMember, isQueued, JOB_STATES, nodesOf, queueMember, queueScore } from "../job-indexes.ts";
import type { JobStore, PlacementRevision, SubmitRequest } from "../job-store.ts";
import type { Fence } from "../leader-store.ts";
import { fingerprint, IDEMPOTENCY_TTL_SECONDS, newJob, submittedLine } from "../submission.ts";
import type { ChangeListener } from "./change-listener.ts";
import { encodeRow, type JobRows } from "./job-rows.ts";
import { KEYS, MOST_HISTORY } from "./keys.ts";
import { listJobs } from "./list-jobs.ts";
import { redisCall, runScript, script } from "./redis-call.ts";
import { refusal } from "./refusal.ts";
import { submitLua } from "./scripts/submit.lua.ts";
import { transitionLua } from "./scripts/transition.lua.ts";

const SUBMIT = script(submitLua);
const TRANSITION = script(transitionLua);
const EVENTS_A_READ = 1000;
const ACTIVE_STATES = JOB_STATES.filter(isActive);

/** The truth over Redis. `changes` has a connection of its own. */
export function createRedisJobStore(redis: Redis, rows: JobRows, changes: ChangeListener): JobStore {
  const get = async (id: string) => (await rows.read([id]))[0] ?? null;
  return {
    get,
    submit: (request, now) => submit(redis, get, request, now),
    find: async (idOrName) => (/^\d{1,15}$/.test(idOrName) ? await get(idOrName) : null) ?? newestOfName(redis, get, idOrName),
    list: (filter, { limit, cursor }) => listJobs(redis, rows, filter, limit, cursor),
    commit: (previous, transition, now, revision, fence) => commit(redis, previous, transition, now, revision, fence),
    queue: (limit) => readQueue(redis, rows, limit),
    onNode: async (nodeId) => rows.read(await redisCall(() => redis.smembers(KEYS.nodeJobs(nodeId)))),
    counts: () => counts(redis),
    events: (jobId, after) => events(redis, jobId, after),
    changed: (jobId, timeoutMs, signal) => changes.changed(jobId, timeoutMs, signal),
    close: async () => changes.close(),
  };
}

async function submit(redis: Redis, get: JobStore["get"], request: SubmitRequest, now: number) {
  const { user, spec, idempotencyKey } = request;
  const draft = newJob("", request, now);
  const line = submittedLine(user);
  const idempotency =
    idempotencyKey === null ? "" : KEYS.idempotency(createHash("sha256").update(`${user}\0${idempotencyKey}`).digest("hex"));
  const indexes = [
    KEYS.all,
    KEYS.state("pending"),
    KEYS.project(spec.project),
    KEYS.user(user),
    KEYS.name(spec.name),
    KEYS.queue,
    KEYS.arrays,
  ];
  const [id, code] = (await runScript(
    redis,
    SUBMIT,
    [KEYS.jobId, idempotency, ...indexes],
    [
      ...[KEYS.jobPrefix, JSON.stringify(spec), encodeRow(draft), isQueued(draft) ? queueScore(draft) : "", now, fingerprint(request)],
      ...[IDEMPOTENCY_TTL_SECONDS, line.type, line.message, KEYS.changedChannel],
    ],
  )) as [string, number];
  if (code === -1)
    throw new BerthError("idempotency_conflict", `Idempotency-Key ${JSON.stringify(idempotencyKey)} was used for job ${id}, which differs`);
  const job = code === 1 ? await get(id) : { ...draft, id };
  if (job === null) throw new BerthError("internal", `job ${id} of an idempotency key has no row`);
  return { job, replayed: code === 1 };
}

async function newestOfName(redis: Redis, get: JobStore["get"], name: string): Promise<Job | null> {
  const [id] = await redisCall(() => redis.zrevrange(KEYS.name(name), 0, 0));
  return id === undefined ? null : get(id);
}

async function commit(
  redis: Redis,
  previous: Job,
  { job, history }: Transition,
  now: number,
  revision: PlacementRevision | undefined,
  fence: Fence | undefined,
): Promise<Job> {
  const score = job.state === "pending" ? queueScore(job) : "";
  const placed = previous.state === "pending" && job.state === "starting";
  const [code, claim, why, owner] = (await runScript(
    redis,
    TRANSITION,
    [
      ...[KEYS.job(job.id), KEYS.events(job.id), KEYS.state(previous.state), KEYS.state(job.state), KEYS.queue, KEYS.claims],
      ...[KEYS.placements, KEYS.leaderFence, ...arrayKeys(job)],
    ],
    [
      ...[job.id, previous.state, previous.epoch, previous.version, job.state, job.epoch, job.version, encodeRow(job)],
      ...[score, queueMember(job.id), JSON.stringify(claimsOf(job)), JSON.stringify(nodesOf(job)), JSON.stringify(history), MOST_HISTORY],
      ...[now, KEYS.nodeJobsPrefix, KEYS.changedChannel, revision ?? "", placed ? "1" : "", fence ?? ""],
      ...[job.task?.index ?? "", isTerminal(job.state) ? "1" : "", job.outcome?.exitCode ?? ""],
    ],
  )) as [number, string?, string?, string?];
  if (code === 1) return job;
  throw refusal(code, job.id, claim, why, owner);
}

/** Unused, but always there, for a job that is no task: a script's keys are counted. */
function arrayKeys({ id, task }: Job): string[] {
  const arrayId = task?.arrayId ?? id;
  return [KEYS.arrayCounts(arrayId), KEYS.arrayLive(arrayId), KEYS.arrayFailed(arrayId)];
}

async function readQueue(redis: Redis, rows: JobRows, limit: number) {
  const [revision, members, pendingCount, ...active] = await redisCall(async () => {
    const reading = redis
      .multi()
      .get(KEYS.placements)
      .zrange(KEYS.queue, "0", String(limit - 1))
      .zcard(KEYS.queue);
    for (const state of ACTIVE_STATES) reading.zrange(KEYS.state(state), "0", "-1");
    return ((await reading.exec()) ?? []).map(([error, reply]) => {
      if (error !== null) throw error;
      return reply;
    });
  });
  const ids = (members as string[]).map(idOfQueueMember);
  // Rows are read after the ids: what has moved in between is sorted by what its row says now.
  const jobs = await rows.read([...new Set([...ids, ...(active as string[][]).flat()])]);
  return {
    revision: Number(revision ?? 0),
    pending: jobs.filter(isQueued),
    pendingBeyond: Math.max(0, Number(pendingCount) - ids.length),
    active: jobs.filter((job) => isActive(job.state) && job.array === undefined),
  };
}

async function counts(redis: Redis): Promise<Record<JobState, number>> {
  const sizes = await redisCall(() => Promise.all(JOB_STATES.map((state) => redis.zcard(KEYS.state(state)))));
  return Object.fromEntries(JOB_STATES.map((state, index) => [state, sizes[index] ?? 0])) as Record<JobState, number>;
}

async function events(redis: Redis, jobId: string, after: string | null): Promise<JobEvent[]> {
  if (after !== null && !/^\d{1,20}-\d{1,20}$/.test(after))
    throw new BerthError("invalid_request", `${JSON.stringify(after)} is not an event id`);
  const entries = await redisCall(() => redis.xrange(KEYS.events(jobId), after === null ? "-" : `(${after}`, "+", "COUNT", EVENTS_A_READ));
  return entries.map(([id, fields]) => {
    const value = (name: string) => fields[fields.indexOf(name) + 1] ?? "";
    return { id, jobId, epoch: Number(value("epoch")), at: Number(value("at")), type: value("type"), message: value("message") };
  });
}
