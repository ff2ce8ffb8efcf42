import { BerthError } from "../../shared/domain/index.ts";
import type { ProjectSettings } from "./project-store.ts";

/**
 * Whether the settings may join the others.
 * @throws BerthError invalid_request: an unknown parent, a cycle of parents, or a quota above a limit
 */
export function checkProject(settings: ProjectSettings, others: readonly ProjectSettings[]): void {
  const { name, weight, parent, quotaGpus, limits } = settings;
  if (!Number.isFinite(weight) || weight <= 0) refuse("/weight", `a weight must be a number above 0, is ${weight}`);
  if (!Number.isSafeInteger(quotaGpus) || quotaGpus < 0) refuse("/quota/gpus", `a quota must be a whole number of GPUs, is ${quotaGpus}`);
  if (limits.gpus !== null && quotaGpus > limits.gpus)
    refuse("/quota/gpus", `the quota of ${quotaGpus} GPUs is above the limit of ${limits.gpus}`);
  const byName = new Map(others.map((other) => [other.name, other]));
  const path = [name];
  for (let above = parent; above !== null; above = byName.get(above)?.parent ?? null) {
    if (above === name) refuse("/parent", `project ${name} would be below itself: ${[...path, above].join(" -> ")}`);
    if (!byName.has(above)) refuse("/parent", `no project ${JSON.stringify(above)}`);
    if (path.includes(above)) return;
    path.push(above);
  }
}

function refuse(field: string, message: string): never {
  throw new BerthError("invalid_request", `${field}: ${message}`, { field });
}
