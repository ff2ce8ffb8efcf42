import { BerthError, isTerminal, type Job } from "../../../shared/domain/index.ts";
import type { ArrayStep } from "../arrays/array-step.ts";
import type { ArrayStore } from "../arrays/array-store.ts";
import { newTask, taskStartedLine } from "../submission.ts";
import { append, type Memory, readRow } from "./job-store.ts";

/** The arrays over the same rows as `createMemoryJobStore`. */
export function createMemoryArrayStore(fence: { last: number }, memory: Memory): ArrayStore {
  const tasksOf = (arrayId: string) =>
    [...memory.jobs.values()].filter(({ id, task }) => task?.arrayId === arrayId && !memory.retaken.has(id));
  return {
    unfinished: async () =>
      [...memory.jobs.values()].flatMap((job) =>
        job.array !== undefined && !isTerminal(job.state) ? (readRow(memory, job.id) ?? []) : [],
      ),
    liveTasks: async (arrayId) => tasksOf(arrayId).filter((job) => !isTerminal(job.state)),
    task: async (arrayId, index) => tasksOf(arrayId).find(({ task }) => task?.index === index) ?? null,
    failures: async (arrayId) =>
      new Map(
        tasksOf(arrayId).flatMap(({ state, task, outcome }) =>
          state === "failed" && task !== undefined ? [[task.index, outcome?.exitCode ?? null] as const] : [],
        ),
      ),
    indexes: async (arrayId) => tasksOf(arrayId).flatMap(({ task }) => task?.index ?? []),
    step: async (previous, step, now, given) => {
      if (given !== undefined && given !== fence.last) throw new BerthError("conflict", "another control plane schedules now");
      return write(memory, previous, step, now, tasksOf(previous.id));
    },
  };
}

function write(memory: Memory, previous: Job, { array, start, again, history }: ArrayStep, now: number, tasks: readonly Job[]) {
  const current = memory.jobs.get(array.id);
  if (current === undefined) throw new BerthError("job_not_found", `no job ${array.id}`);
  if (current.version !== previous.version) throw new BerthError("conflict", `job ${array.id} changed in the meantime`);
  for (const { id, task } of tasks) if (task !== undefined && again.includes(task.index)) memory.retaken.add(id);
  memory.jobs.set(array.id, array);
  append(memory, array, history, now);
  const started = start.map((index) => {
    memory.lastId += 1;
    const job = newTask(String(memory.lastId), array, index, now);
    memory.jobs.set(job.id, job);
    append(memory, job, [taskStartedLine(array, index)], now);
    return job;
  });
  return { array: readRow(memory, array.id) ?? array, started };
}
