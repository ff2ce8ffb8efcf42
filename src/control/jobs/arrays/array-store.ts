import type { Job } from "../../../shared/domain/index.ts";
import type { Fence } from "../leader-store.ts";
import type { ArrayStep } from "./array-step.ts";

/**
 * The arrays: one row each, and a row of its own for a task only from shortly before it starts. Methods throw BerthError
 * redis_unavailable when the store is not reachable.
 */
export interface ArrayStore {
  /** The rows of the arrays that have not ended. */
  unfinished(): Promise<Job[]>;
  /** The array's tasks that have a row and have not ended. */
  liveTasks(arrayId: string): Promise<Job[]>;
  /** The task's newest row; null when it has none. */
  task(arrayId: string, index: number): Promise<Job | null>;
  /** Index -> exit code (null without one) of the array's failed tasks. */
  failures(arrayId: string): Promise<Map<number, number | null>>;
  /** Indexes of the tasks that have a row. */
  indexes(arrayId: string): Promise<number[]>;
  /**
   * Writes the step if the array's row is still `previous`, with rows for the tasks that it starts, all at once.
   * @throws BerthError conflict, job_not_found
   */
  step(previous: Job, step: ArrayStep, now: number, fence?: Fence): Promise<{ array: Job; started: Job[] }>;
}
