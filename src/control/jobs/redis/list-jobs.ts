import type { Redis } from "ioredis";
import type { Job } from "../../../shared/domain/index.ts";
import { matchesFilter } from "../job-indexes.ts";
import type { JobFilter, JobPage } from "../job-store.ts";
import { parseCursor } from "../page-cursor.ts";
import type { JobRows } from "./job-rows.ts";
import { KEYS } from "./keys.ts";
import { redisCall } from "./redis-call.ts";

const BATCH = 200;
/** Rows one call may look at, however rare the matches: the cursor lets the caller go on. */
const MOST_EXAMINED = 2000;

/** Walks the smallest fitting index from the newest job down; the cursor is the last id that was looked at. */
export async function listJobs(redis: Redis, rows: JobRows, filter: JobFilter, limit: number, cursor: string | null): Promise<JobPage> {
  const indexes = indexesFor(filter);
  const items: Job[] = [];
  let before = parseCursor(cursor);
  for (let examined = 0; examined < MOST_EXAMINED; ) {
    const ids = await idsBelow(redis, indexes, before);
    for (const job of await rows.read(ids)) {
      if (!matchesFilter(job, filter)) continue;
      items.push(job);
      if (items.length === limit) return { items, nextCursor: job.id };
    }
    const last = ids.at(-1);
    if (last === undefined || ids.length < BATCH) return { items, nextCursor: null };
    examined += ids.length;
    before = Number(last);
  }
  return { items, nextCursor: String(before) };
}

function indexesFor(filter: JobFilter): string[] {
  if (filter.array !== undefined) return [KEYS.array(filter.array)];
  if (filter.name !== undefined) return [KEYS.name(filter.name)];
  if (filter.states !== undefined) return [...new Set(filter.states)].map((state) => KEYS.state(state));
  if (filter.user !== undefined) return [KEYS.user(filter.user)];
  if (filter.project !== undefined) return [KEYS.project(filter.project)];
  return [KEYS.all];
}

async function idsBelow(redis: Redis, indexes: readonly string[], before: number): Promise<string[]> {
  const lists = await redisCall(() =>
    Promise.all(indexes.map((index) => redis.zrevrangebyscore(index, `(${before}`, "-inf", "LIMIT", 0, BATCH))),
  );
  // A job that changes state between the reads can be in two of the lists.
  return [...new Set(lists.flat())].sort((left, right) => Number(right) - Number(left)).slice(0, BATCH);
}
