import type { Redis } from "ioredis";
import { BerthError, isActive, type Job, type JobEvent, type JobState } from "../../../shared/domain/index.ts";
import { idOfQueueMember, isQueued, JOB_STATES } from "../job-indexes.ts";
import type { JobStore } from "../job-store.ts";
import type { ChangeListener } from "./change-listener.ts";
import { createCommits } from "./commit-rows.ts";
import type { JobRows } from "./job-rows.ts";
import { KEYS } from "./keys.ts";
import { listJobs } from "./list-jobs.ts";
import { queueChanges } from "./queue-changes.ts";
import { redisCall } from "./redis-call.ts";
import { createSubmit } from "./submit-rows.ts";

const EVENTS_A_READ = 1000;
const ACTIVE_STATES = JOB_STATES.filter(isActive);

/** The truth over Redis. `changes` has a connection of its own. */
export function createRedisJobStore(redis: Redis, rows: JobRows, changes: ChangeListener): JobStore {
  const get = async (id: string) => (await rows.read([id]))[0] ?? null;
  return {
    get,
    submit: createSubmit(redis, get),
    find: async (idOrName) => (/^\d{1,15}$/.test(idOrName) ? await get(idOrName) : null) ?? newestOfName(redis, get, idOrName),
    list: (filter, { limit, cursor }) => listJobs(redis, rows, filter, limit, cursor),
    ...createCommits(redis),
    changes: (cursor, known) => queueChanges(redis, rows, cursor, known),
    queue: (limit) => readQueue(redis, rows, limit),
    onNode: async (nodeId) => rows.read(await redisCall(() => redis.smembers(KEYS.nodeJobs(nodeId)))),
    counts: () => counts(redis),
    events: (jobId, after) => events(redis, jobId, after),
    changed: (jobId, timeoutMs, signal) => changes.changed(jobId, timeoutMs, signal),
    close: async () => changes.close(),
  };
}

async function newestOfName(redis: Redis, get: JobStore["get"], name: string): Promise<Job | null> {
  const [id] = await redisCall(() => redis.zrevrange(KEYS.name(name), 0, 0));
  return id === undefined ? null : get(id);
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
