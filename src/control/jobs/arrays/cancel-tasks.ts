import {
  BerthError,
  hasTaskIndex,
  isBerthError,
  type Job,
  parseTaskIndexes,
  splitTaskIndexes,
  type TaskIndexes,
} from "../../../shared/domain/index.ts";
import type { JobStore } from "../job-store.ts";
import { type ArrayStep, cancelWaiting, progressOf } from "./array-step.ts";
import type { ArrayStore } from "./array-store.ts";
import { stopTasks } from "./tend-arrays.ts";

const ATTEMPTS = 16;

interface Change {
  jobs: JobStore;
  arrays: ArrayStore;
  by: string;
  now: number;
}

/**
 * Cancels the whole array (null), or these of its tasks. The wish to cancel the whole is durable before the first task is
 * stopped: the schedule loop ends what a crash left.
 * @returns the array as it is then, and the tasks that are being stopped
 * @throws BerthError invalid_request for an index that it does not have; conflict when it never rests
 */
export async function cancelTasks(change: Change, arrayId: string, indexes: TaskIndexes | null): Promise<{ array: Job; stopped: Job[] }> {
  const { arrays, by } = change;
  const array = await stepArray(change, arrayId, async (row) => {
    if (indexes !== null) refuseForeign(row, indexes);
    return cancelWaiting(row, progressOf(row), indexes, by);
  });
  const chosen = (job: Job) => indexes === null || (job.task !== undefined && hasTaskIndex(indexes, job.task.index));
  return { array, stopped: await stopTasks(change, (await arrays.liveTasks(arrayId)).filter(chosen), by) };
}

/** Reads the array and writes the step, again from the start when somebody else wrote in between. No step: the row as it is. */
export async function stepArray(
  { jobs, arrays, now }: Omit<Change, "by">,
  arrayId: string,
  stepOf: (array: Job) => Promise<ArrayStep | null>,
): Promise<Job> {
  for (let attempt = 1; ; attempt += 1) {
    const array = await jobs.get(arrayId);
    if (array === null) throw new BerthError("job_not_found", `no job ${arrayId}`);
    const step = await stepOf(array);
    if (step === null) return array;
    try {
      return (await arrays.step(array, step, now)).array;
    } catch (error) {
      if (!isBerthError(error, "conflict") || attempt === ATTEMPTS) throw error;
    }
  }
}

/** @throws BerthError invalid_request */
export function refuseForeign(array: Job, indexes: TaskIndexes): void {
  const own = array.spec.array?.indexes ?? "";
  const { outside } = splitTaskIndexes(indexes, parseTaskIndexes(own));
  const first = outside.ranges[0]?.first;
  if (first !== undefined) throw new BerthError("invalid_request", `array ${array.id} has no task ${first}; its tasks are ${own}`);
}
