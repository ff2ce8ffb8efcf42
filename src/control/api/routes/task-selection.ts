import { BerthError, errorText, type Job, parseTaskIndexes, type TaskIndexes } from "../../../shared/domain/index.ts";
import type { TaskSelection } from "../../../shared/wire/index.ts";
import { hasNoRow } from "./find-job.ts";

/** The array and the tasks of it that a request means (null: all); null for a job that stands alone. */
export interface MeantTasks {
  arrayId: string;
  indexes: TaskIndexes | null;
}

/**
 * `tasks` belongs to an array's own id; the name of one task ("81_3") means that one. A task with a row is a job as any other
 * unless `always`.
 * @throws BerthError invalid_request
 */
export function meantTasks(job: Job, { tasks }: TaskSelection, always = false): MeantTasks | null {
  if (job.array !== undefined) return { arrayId: job.id, indexes: tasks === undefined ? null : indexesOf(tasks) };
  if (tasks !== undefined) {
    throw new BerthError("invalid_request", `/tasks: job ${job.id} is not an array`, { field: "/tasks" });
  }
  if (job.task === undefined || (!always && !hasNoRow(job))) return null;
  return { arrayId: job.task.arrayId, indexes: parseTaskIndexes(String(job.task.index)) };
}

function indexesOf(text: string): TaskIndexes {
  try {
    return parseTaskIndexes(text);
  } catch (error) {
    throw new BerthError("invalid_request", `/tasks: ${errorText(error)}`, { field: "/tasks", cause: error });
  }
}
