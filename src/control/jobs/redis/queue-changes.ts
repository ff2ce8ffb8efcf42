import type { Redis } from "ioredis";
import { BerthError, isActive } from "../../../shared/domain/index.ts";
import { idOfQueueMember, isScheduled, JOB_STATES } from "../job-indexes.ts";
import type { KnownRows, QueueChanges } from "../job-store.ts";
import type { JobRows } from "./job-rows.ts";
import { KEYS, MOST_CHANGES } from "./keys.ts";
import { redisCall } from "./redis-call.ts";

/** No entry yet: everything is read until there is one. */
const START = "0-0";
const ACTIVE_STATES = JOB_STATES.filter(isActive);

type Entry = [id: string, fields: string[]];

/**
 * What the change log says since the cursor. Entries are written by the scripts that change the rows, so none is missing;
 * when the cursor's own entry is no longer there (the log is bounded; or the data are others), everything is read anew.
 */
export async function queueChanges(redis: Redis, rows: JobRows, cursor: string | null, known: KnownRows): Promise<QueueChanges> {
  if (cursor === null || cursor === START) return readAll(redis, rows);
  const [revision, queued, entries] = await transaction<[string | null, number, Entry[]]>(
    redis.multi().get(KEYS.placements).zcard(KEYS.queue).xrange(KEYS.changes, cursor, "+", "COUNT", MOST_CHANGES),
  );
  const after = entries.slice(1);
  if (entries[0]?.[0] !== cursor || after.length >= MOST_CHANGES / 2) return readAll(redis, rows);
  const versions = new Map(after.map(([, fields]) => [fieldOf(fields, "job"), Number(fieldOf(fields, "version"))]));
  const ids = [...versions].filter(([id, version]) => (known(id) ?? 0) < version).map(([id]) => id);
  const jobs = await rows.read(ids);
  const read = new Set(jobs.map(({ id }) => id));
  return {
    cursor: after.at(-1)?.[0] ?? cursor,
    revision: Number(revision ?? 0),
    anew: false,
    jobs,
    gone: ids.filter((id) => !read.has(id)),
    queued,
  };
}

/** Rows are read after the ids: what moves in between is in the log behind the cursor, and is sorted by what its row says now. */
async function readAll(redis: Redis, rows: JobRows): Promise<QueueChanges> {
  const reading = redis
    .multi()
    .get(KEYS.placements)
    .zcard(KEYS.queue)
    .xrevrange(KEYS.changes, "+", "-", "COUNT", 1)
    .zrange(KEYS.queue, "0", "-1");
  for (const state of ACTIVE_STATES) reading.zrange(KEYS.state(state), "0", "-1");
  const [revision, queued, last, members, ...active] =
    await transaction<[string | null, number, Entry[], string[], ...string[][]]>(reading);
  const jobs = await rows.read([...new Set([...members.map(idOfQueueMember), ...active.flat()])]);
  return {
    cursor: last[0]?.[0] ?? START,
    revision: Number(revision ?? 0),
    anew: true,
    jobs: jobs.filter(isScheduled),
    gone: [],
    queued,
  };
}

async function transaction<Replies>(commands: ReturnType<Redis["multi"]>): Promise<Replies> {
  return redisCall(async () => {
    const replies = (await commands.exec()) ?? [];
    return replies.map(([error, reply]) => {
      if (error !== null) throw new BerthError("redis_unavailable", `redis: ${error.message}`, { cause: error });
      return reply;
    }) as Replies;
  });
}

function fieldOf(fields: readonly string[], name: string): string {
  return fields[fields.indexOf(name) + 1] ?? "";
}
