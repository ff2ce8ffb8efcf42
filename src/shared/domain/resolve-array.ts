import { BerthError, errorText } from "./errors.ts";
import type { JobSpec } from "./job-spec.ts";
import { formatTaskIndexes, parseTaskIndexes } from "./task-indexes.ts";

/**
 * "0-99:2%10" -> indexes and limit (Slurm's --array).
 * @throws BerthError invalid_job_spec
 */
export function resolveArray(asked: string | number | undefined): Pick<JobSpec, "array"> {
  if (asked === undefined) return {};
  const [indexes = "", limit, ...more] = String(asked).split("%");
  if (more.length > 0 || (limit !== undefined && !/^[1-9]\d{0,8}$/.test(limit)))
    refuse(`${JSON.stringify(asked)}: % is followed by how many tasks may run at a time, as in 0-99%10`);
  if (indexes.trim() === "") refuse(`${JSON.stringify(asked)} names no task`);
  try {
    return {
      array: { indexes: formatTaskIndexes(parseTaskIndexes(indexes)), limit: limit === undefined ? null : Number(limit) },
    };
  } catch (error) {
    return refuse(errorText(error));
  }
}

function refuse(message: string): never {
  throw new BerthError("invalid_job_spec", `/array: ${message}`, { field: "/array" });
}
