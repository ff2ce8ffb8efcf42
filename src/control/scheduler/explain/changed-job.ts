import {
  type GpuShareRequest,
  NO_RULES,
  type PlacementRules,
  type ResourceRequest,
  WHOLE_GPU_MILLIS,
} from "../../../shared/domain/index.ts";
import type { PendingJob } from "../snapshot.ts";

/** A change of one field; null takes the wish away. */
export interface JobWish {
  field:
    | "resources.gpus"
    | "resources.gpuShare"
    | "resources.cpuMillis"
    | "resources.memoryBytes"
    | "resources.gpuModel"
    | "resources.gpuMemory"
    | "resources.gpuConditions"
    | "replicas"
    | "avoid"
    | `rules.${keyof PlacementRules}`;
  value: number | null;
}

/** The job as it would be with the change. */
export function changedJob(job: PendingJob, { field, value }: JobWish): PendingJob {
  const { minReplicas: _min, avoid: _avoid, ...fixed } = job;
  const { gpuConditions: _conditions, ...unconditional } = job.resources;
  const { gpuMemoryMaxBytes: _most, ...unbounded } = job.resources;
  switch (field) {
    case "replicas":
      return { ...fixed, ...(job.avoid === undefined ? {} : { avoid: job.avoid }), replicas: value ?? 1 };
    case "avoid":
      return { ...fixed, ...(job.minReplicas === undefined ? {} : { minReplicas: job.minReplicas }) };
    case "resources.gpuMemory":
      return { ...job, resources: { ...unbounded, ...shareOf(job, { memoryBytes: null }), gpuMemoryBytes: null } };
    case "resources.gpuShare":
      return { ...job, resources: { ...job.resources, ...shareOf(job, { millis: value ?? WHOLE_GPU_MILLIS }) } };
    case "resources.gpuConditions":
      return { ...job, resources: unconditional };
    case "resources.gpuModel":
      return { ...job, resources: { ...job.resources, gpuModel: null } };
    case "resources.gpus":
    case "resources.cpuMillis":
    case "resources.memoryBytes":
      return { ...job, resources: { ...job.resources, [field.slice("resources.".length)]: value ?? 0 } };
    default: {
      const rule = field.slice("rules.".length) as keyof PlacementRules;
      return { ...job, rules: { ...(job.rules ?? NO_RULES), [rule]: NO_RULES[rule] } };
    }
  }
}

function shareOf({ resources: { gpuShare } }: PendingJob, change: Partial<GpuShareRequest>): Pick<ResourceRequest, "gpuShare"> {
  return gpuShare === undefined ? {} : { gpuShare: { ...gpuShare, ...change } };
}
