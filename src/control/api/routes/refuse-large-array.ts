import { BerthError, type JobSpec, parseTaskIndexes } from "../../../shared/domain/index.ts";
import { LIMITS } from "../../../shared/wire/index.ts";

/** @throws BerthError invalid_job_spec when the array has more tasks than the operator allows (`limit`) */
export function refuseLargeArray({ array }: JobSpec, limit: number = LIMITS.arrayTasks): void {
  if (array === undefined) return;
  const { count } = parseTaskIndexes(array.indexes);
  if (count <= limit) return;
  throw new BerthError(
    "invalid_job_spec",
    `/array: ${count} tasks are more than the limit of ${limit}; split it, or ask the operator to raise --max-array-tasks`,
    { field: "/array" },
  );
}
