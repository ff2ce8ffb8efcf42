import type { Redis } from "ioredis";
import { BerthError, isTerminal, type Job } from "../../../shared/domain/index.ts";
import type { ArrayStep } from "../arrays/array-step.ts";
import type { ArrayStore } from "../arrays/array-store.ts";
import { queueScore } from "../job-indexes.ts";
import type { Fence } from "../leader-store.ts";
import { newTask, taskStartedLine } from "../submission.ts";
import { encodeRow, type JobRows } from "./job-rows.ts";
import { KEYS, MOST_CHANGES, MOST_HISTORY } from "./keys.ts";
import { redisCall, runScript, script } from "./redis-call.ts";
import { refusal } from "./refusal.ts";
import { arrayStepLua } from "./scripts/array-step.lua.ts";

const STEP = script(arrayStepLua);

/** Each step is one script: rows of new tasks, the array's own row and its counts change together or not at all. */
export function createRedisArrayStore(redis: Redis, rows: JobRows): ArrayStore {
  return {
    unfinished: async () => rows.read(inOrder(await redisCall(() => redis.smembers(KEYS.arrays)))),
    liveTasks: async (arrayId) => rows.read(inOrder(await redisCall(() => redis.smembers(KEYS.arrayLive(arrayId))))),
    task: async (arrayId, index) => {
      const id = await redisCall(() => redis.hget(KEYS.arrayTasks(arrayId), String(index)));
      return id === null ? null : ((await rows.read([id]))[0] ?? null);
    },
    failures: async (arrayId) => {
      const codes = await redisCall(() => redis.hgetall(KEYS.arrayFailed(arrayId)));
      return new Map(Object.entries(codes).map(([index, code]) => [Number(index), code === "" ? null : Number(code)]));
    },
    indexes: async (arrayId) => (await redisCall(() => redis.hkeys(KEYS.arrayTasks(arrayId)))).map(Number),
    step: (previous, step, now, fence) => writeStep(redis, rows, previous, step, now, fence),
  };
}

/** Ids as numbers, oldest first. */
function inOrder(ids: readonly string[]): string[] {
  return [...ids].sort((left, right) => Number(left) - Number(right));
}

async function writeStep(
  redis: Redis,
  rows: JobRows,
  previous: Job,
  { array, start, again, history }: ArrayStep,
  now: number,
  fence: Fence | undefined,
): Promise<{ array: Job; started: Job[] }> {
  const { id, spec, user } = array;
  const drafts = start.map((index) => newTask("", array, index, now));
  const tasks = drafts.map((draft, place) => {
    const index = start[place] ?? 0;
    return [String(index), encodeRow(draft), taskStartedLine(array, index).message];
  });
  const [code, ...ids] = (await runScript(
    redis,
    STEP,
    [
      ...[KEYS.job(id), KEYS.events(id), KEYS.state(previous.state), KEYS.state(array.state), KEYS.arrays],
      ...[KEYS.arrayCounts(id), KEYS.arrayTasks(id), KEYS.arrayLive(id), KEYS.arrayFailed(id), KEYS.jobId, KEYS.all],
      ...[KEYS.state("pending"), KEYS.project(spec.project), KEYS.user(user), KEYS.array(id), KEYS.queue, KEYS.leaderFence],
    ],
    [
      ...[id, previous.version, array.state, array.version, encodeRow(array), JSON.stringify(history), MOST_HISTORY, now],
      ...[KEYS.changedChannel, isTerminal(array.state) ? "" : "1", JSON.stringify(again.map(String)), JSON.stringify(tasks)],
      ...[KEYS.jobPrefix, queueScore({ ...array, queuedAt: now }), taskStartedLine(array, 0).type, fence ?? ""],
      ...[KEYS.changes, MOST_CHANGES],
    ],
  )) as [number, ...string[]];
  if (code !== 1) throw refusal(code, id);
  const [written] = await rows.read([id]);
  if (written === undefined) throw new BerthError("job_not_found", `no job ${id}`);
  return { array: written, started: drafts.map((draft, place) => ({ ...draft, id: ids[place] ?? "" })) };
}
