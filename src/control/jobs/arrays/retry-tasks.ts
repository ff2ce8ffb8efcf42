import {
  BerthError,
  type Job,
  parseTaskIndexes,
  splitTaskIndexes,
  type TaskIndexes,
  taskIndexesOf,
  taskIndexList,
} from "../../../shared/domain/index.ts";
import type { JobStore } from "../job-store.ts";
import { progressOf, retryTasks } from "./array-step.ts";
import type { ArrayStore } from "./array-store.ts";
import { refuseForeign, stepArray } from "./cancel-tasks.ts";

interface Change {
  jobs: JobStore;
  arrays: ArrayStore;
  by: string;
  now: number;
}

/**
 * Failed tasks of the array (null: all of them), or the failed and cancelled ones among these indexes, wait for another run,
 * each under its own index; the others go on as they are.
 * @throws BerthError invalid_request for an index that it does not have; conflict when there is nothing to retry
 */
export async function retryArray(change: Change, arrayId: string, indexes: TaskIndexes | null): Promise<Job> {
  return stepArray(change, arrayId, async (array) => {
    const chosen = indexes === null ? await failedOf(change.arrays, arrayId) : await endedBadly(change.arrays, array, indexes);
    if (chosen.again.length + chosen.dropped.length === 0) {
      throw new BerthError(
        "conflict",
        `array ${arrayId} has no ${indexes === null ? "failed task" : "failed or cancelled task among these"}`,
      );
    }
    return retryTasks(array, progressOf(array), chosen, change.by);
  });
}

async function failedOf(arrays: ArrayStore, arrayId: string) {
  return { again: [...(await arrays.failures(arrayId)).keys()], dropped: [] };
}

async function endedBadly(arrays: ArrayStore, array: Job, indexes: TaskIndexes) {
  refuseForeign(array, indexes);
  const [failures, withRow] = await Promise.all([arrays.failures(array.id), arrays.indexes(array.id)]);
  const { inside, outside } = splitTaskIndexes(indexes, taskIndexesOf(withRow));
  const again: number[] = [];
  for (const index of taskIndexList(inside)) {
    if (failures.has(index) || (await arrays.task(array.id, index))?.state === "cancelled") again.push(index);
  }
  return { again, dropped: taskIndexList(splitTaskIndexes(outside, parseTaskIndexes(progressOf(array).waiting)).outside) };
}
