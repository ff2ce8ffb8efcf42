import type { GpuCondition } from "../domain/index.ts";
import type { ImageRequirements } from "./image-requirements.ts";
import { invalid } from "./request-limits.ts";

/** Far more than NVIDIA's own images have, of which the newest name some hundred. They are kept in the job's row. */
const MOST_CONDITIONS = 512;

const SUBJECTS = { cuda: "cuda", driver: "driver", arch: "compute-capability", brand: "brand" } as const;

/**
 * The requirements as the scheduler takes them: every one, any of its terms, all conditions of that one.
 * @throws BerthError gpu_request_invalid when there are more than are kept
 */
export function requirementConditions({ requirements }: ImageRequirements): GpuCondition[][][] {
  const asking = requirements.filter(({ terms }) => terms.length > 0);
  const conditions = asking.map(({ terms }) =>
    terms.map((rules) =>
      rules.map(({ property, comparison, value }): GpuCondition => ({ subject: SUBJECTS[property], operator: comparison, value })),
    ),
  );
  const count = conditions.flat(2).length;
  if (count > MOST_CONDITIONS) throw invalid(`its image has ${count} requirements; at most ${MOST_CONDITIONS} are read`);
  return conditions;
}
