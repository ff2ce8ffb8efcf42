import type { Redis } from "ioredis";
import { BerthError, type Job, type JobSpec } from "../../../shared/domain/index.ts";
import { KEYS } from "./keys.ts";
import { redisCall } from "./redis-call.ts";

const SPECS_KEPT = 2000;
const BATCH = 500;

/** The part of a row that changes; the spec never does and is stored (and cached) apart. */
export function encodeRow(job: Job): string {
  const { spec: _spec, ...row } = job;
  return JSON.stringify(row);
}

/** Reads job rows; specs, which may be large and never change, are kept in memory once seen. */
export interface JobRows {
  /** Rows in the order of `ids`; ids without a row are left out. */
  read(ids: readonly string[]): Promise<Job[]>;
}

export function createJobRows(redis: Redis): JobRows {
  const specs = new Map<string, JobSpec>();
  const readBatch = async (ids: readonly string[]): Promise<Job[]> => {
    const pipeline = redis.pipeline();
    for (const id of ids) {
      if (specs.has(id)) pipeline.hmget(KEYS.job(id), "row");
      else pipeline.hmget(KEYS.job(id), "row", "spec");
    }
    const replies = (await redisCall(() => pipeline.exec())) ?? [];
    return replies.flatMap(([error, reply], index) => {
      if (error !== null) throw new BerthError("redis_unavailable", `redis: ${error.message}`, { cause: error });
      const id = ids[index] ?? "";
      const [row, spec] = reply as (string | null)[];
      if (row == null) return [];
      return [{ ...JSON.parse(row), id, spec: specOf(specs, id, spec ?? null) } as Job];
    });
  };
  return {
    read: async (ids) => {
      const jobs: Job[] = [];
      for (let start = 0; start < ids.length; start += BATCH) jobs.push(...(await readBatch(ids.slice(start, start + BATCH))));
      return jobs;
    },
  };
}

/** Least recently read goes first. */
function specOf(specs: Map<string, JobSpec>, id: string, json: string | null): JobSpec {
  const spec = json === null ? specs.get(id) : (JSON.parse(json) as JobSpec);
  if (spec === undefined) throw new BerthError("internal", `the row of job ${id} has no spec`);
  specs.delete(id);
  specs.set(id, spec);
  const oldest = specs.keys().next().value;
  if (specs.size > SPECS_KEPT && oldest !== undefined) specs.delete(oldest);
  return spec;
}
