import { BerthError, hasTaskIndex, type Job, parseTaskIndexes, takeTaskIndexes } from "../../../shared/domain/index.ts";
import type { JobStore } from "../job-store.ts";
import { progressOf } from "./array-step.ts";
import type { ArrayStore } from "./array-store.ts";

const TASK_NAME = /^(\d{1,15})_(\d{1,10})$/;

/** ["81", 3] of "81_3"; null for another id or name. */
export function parseTaskName(text: string): [arrayId: string, index: number] | null {
  const match = TASK_NAME.exec(text);
  return match === null ? null : [match[1] ?? "", Number(match[2])];
}

/**
 * The job by id, by name, or as a task of an array ("81_3"). A task that has no row yet reads as the pending job that it will
 * be, under its own name.
 * @returns null when there is none
 * @throws BerthError job_not_found for an index that the array does not have
 */
export async function findJobOrTask({ jobs, arrays }: { jobs: JobStore; arrays: ArrayStore }, text: string): Promise<Job | null> {
  const task = parseTaskName(text);
  if (task === null) return jobs.find(text);
  const [arrayId, index] = task;
  const row = await arrays.task(arrayId, index);
  if (row !== null) return row;
  const array = await jobs.get(arrayId);
  return array === null ? null : taskWithoutRow(array, index);
}

/** @throws BerthError job_not_found */
export function taskWithoutRow(array: Job, index: number): Job {
  const { waiting } = progressOf(array);
  if (!hasTaskIndex(parseTaskIndexes(array.spec.array?.indexes ?? ""), index)) {
    throw new BerthError("job_not_found", `array ${array.id} has no task ${index}; its tasks are ${array.spec.array?.indexes}`);
  }
  const { array: _array, outcome: _outcome, ...row } = array;
  const common = { ...row, id: `${array.id}_${index}`, task: { arrayId: array.id, index }, startedAt: null, finishedAt: null };
  if (hasTaskIndex(parseTaskIndexes(waiting), index)) {
    return { ...common, state: "pending", pendingReason: `waits for the tasks of array ${array.id} before it`, outcome: null };
  }
  const outcome = { cause: "cancelled" as const, exitCode: null, message: "cancelled before its turn in the array came" };
  return { ...common, state: "cancelled", finishedAt: array.finishedAt, pendingReason: null, outcome };
}

/** The task that would start first: what the array waits for is what this one waits for. Null when none waits. */
export async function nextTask(arrays: ArrayStore, array: Job): Promise<Job | null> {
  const pending = (await arrays.liveTasks(array.id)).find(({ state }) => state === "pending");
  if (pending !== undefined) return pending;
  const [index] = takeTaskIndexes(parseTaskIndexes(progressOf(array).waiting), 1).taken;
  return index === undefined ? null : taskWithoutRow(array, index);
}
