import type { Redis } from "ioredis";
import { BerthError, type Job, type JobSpec } from "../../../shared/domain/index.ts";
import { JOB_STATES } from "../job-indexes.ts";
import { noTasks } from "../submission.ts";
import { KEYS } from "./keys.ts";
import { redisCall } from "./redis-call.ts";

const SPECS_KEPT = 2000;
const BATCH = 500;

/** The part of a row that changes; the spec never does and is stored (and cached) apart. */
export function encodeRow(job: Job): string {
  const { spec: _spec, array, ...row } = job;
  if (array === undefined) return JSON.stringify(row);
  // Counted by the scripts that change the tasks' rows, and read with the row.
  const { tasks: _tasks, ...progress } = array;
  return JSON.stringify({ ...row, array: progress });
}

/** Reads job rows; specs, which may be large and never change, are kept in memory once seen. A task has its array's. */
export interface JobRows {
  /** Rows in the order of `ids`; ids without a row are left out. */
  read(ids: readonly string[]): Promise<Job[]>;
}

/**
 * Keeps the 2000 specs that were read last.
 * @throws BerthError (each read) redis_unavailable; internal for a row without its spec
 */
export function createJobRows(redis: Redis): JobRows {
  const specs = new Map<string, JobSpec>();
  const readBatch = async (ids: readonly string[]): Promise<Job[]> => {
    const replies = await pipelined(redis, ids, (pipeline, id) => {
      if (specs.has(id)) pipeline.hmget(KEYS.job(id), "row");
      else pipeline.hmget(KEYS.job(id), "row", "spec");
    });
    const rows = replies.flatMap((reply, place): StoredRow[] => {
      const [row, spec] = reply as (string | null)[];
      const id = ids[place] ?? "";
      return row == null ? [] : [{ row: { ...JSON.parse(row), id }, spec: spec ?? null }];
    });
    const counts = await readCounts(redis, rows);
    await learnArraySpecs(redis, specs, rows);
    const jobs = rows.map(({ row, spec }) =>
      withCounts({ ...row, spec: specOf(specs, row.task?.arrayId ?? row.id, spec) }, counts.get(row.id)),
    );
    // After the batch: some of its rows rely on specs that were in memory when it was asked for.
    forgetOldest(specs);
    return jobs;
  };
  return {
    read: async (ids) => {
      const jobs: Job[] = [];
      for (let start = 0; start < ids.length; start += BATCH) jobs.push(...(await readBatch(ids.slice(start, start + BATCH))));
      return jobs;
    },
  };
}

interface StoredRow {
  row: Omit<Job, "spec">;
  /** JSON; null when it is in memory already, or its array's. */
  spec: string | null;
}

async function readCounts(redis: Redis, rows: readonly StoredRow[]): Promise<Map<string, Record<string, string>>> {
  const arrays = rows.flatMap(({ row }) => (row.array === undefined ? [] : [row.id]));
  const replies = await pipelined(redis, arrays, (pipeline, id) => pipeline.hgetall(KEYS.arrayCounts(id)));
  return new Map(arrays.map((id, place) => [id, replies[place] as Record<string, string>]));
}

function withCounts(job: Job, counts: Record<string, string> | undefined): Job {
  if (job.array === undefined || counts === undefined) return job;
  const tasks = noTasks();
  for (const state of JOB_STATES) tasks[state] = Number(counts[state] ?? 0);
  return { ...job, array: { ...job.array, tasks } };
}

async function learnArraySpecs(redis: Redis, specs: Map<string, JobSpec>, rows: readonly StoredRow[]): Promise<void> {
  const arrays = [...new Set(rows.flatMap(({ row: { task } }) => (task === undefined || specs.has(task.arrayId) ? [] : [task.arrayId])))];
  const replies = await pipelined(redis, arrays, (pipeline, id) => pipeline.hget(KEYS.job(id), "spec"));
  arrays.forEach((id, place) => {
    specOf(specs, id, replies[place] as string | null);
  });
}

async function pipelined(
  redis: Redis,
  ids: readonly string[],
  add: (pipeline: ReturnType<Redis["pipeline"]>, id: string) => void,
): Promise<unknown[]> {
  if (ids.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const id of ids) add(pipeline, id);
  const replies = (await redisCall(() => pipeline.exec())) ?? [];
  return replies.map(([error, reply]) => {
    if (error !== null) throw new BerthError("redis_unavailable", `redis: ${error.message}`, { cause: error });
    return reply;
  });
}

/** Moves to the end: what was least recently read is forgotten first. */
function specOf(specs: Map<string, JobSpec>, id: string, json: string | null): JobSpec {
  const spec = json === null ? specs.get(id) : (JSON.parse(json) as JobSpec);
  if (spec === undefined) throw new BerthError("internal", `the row of job ${id} has no spec`);
  specs.delete(id);
  specs.set(id, spec);
  return spec;
}

function forgetOldest(specs: Map<string, JobSpec>): void {
  for (const id of specs.keys()) {
    if (specs.size <= SPECS_KEPT) return;
    specs.delete(id);
  }
}
