import {
  type GpuShareRequest,
  NO_RULES,
  type PlacementRules,
  type ResourceRequest,
  WHOLE_GPU_MILLIS,
} from "../../../shared/domain/index.ts";
import type { PendingJob } from "../snapshot.ts";

/**
 * A change of one field; null takes the wish away. `timeLimit` is in milliseconds without grace; text is a GPU model, or
 * "key=value" of a nodeSelector, or of a toleration more.
 */
export interface JobWish {
  field:
    | "resources.gpus"
    | "resources.gpuShare"
    | "resources.cpuMillis"
    | "resources.memoryBytes"
    | "resources.gpuModel"
    | "resources.gpuMemory"
    | "resources.gpuConditions"
    | "resources.hostPorts"
    | "replicas"
    | "minReplicas"
    | "timeLimit"
    | "avoid"
    | `rules.${keyof PlacementRules}`;
  value: number | string | null;
}

/** The job as it would be with the change. */
export function changedJob(job: PendingJob, { field, value }: JobWish): PendingJob {
  const amount = typeof value === "number" ? value : null;
  const { minReplicas: _min, avoid: _avoid, ...fixed } = job;
  const { gpuConditions: _conditions, ...unconditional } = job.resources;
  const { gpuMemoryMaxBytes: _most, ...unbounded } = job.resources;
  const { hostPorts: _ports, ...anyPort } = job.resources;
  switch (field) {
    case "replicas":
      return { ...fixed, ...(job.avoid === undefined ? {} : { avoid: job.avoid }), replicas: amount ?? 1 };
    case "minReplicas":
      return { ...job, minReplicas: amount ?? 1 };
    case "timeLimit":
      return { ...job, timeLimitMs: (amount ?? 0) + (job.stopGraceMs ?? 0) };
    case "avoid":
      return { ...fixed, ...(job.minReplicas === undefined ? {} : { minReplicas: job.minReplicas }) };
    case "resources.gpuMemory":
      return { ...job, resources: { ...unbounded, ...shareOf(job, { memoryBytes: null }), gpuMemoryBytes: null } };
    case "resources.gpuShare":
      return { ...job, resources: { ...job.resources, ...shareOf(job, { millis: amount ?? WHOLE_GPU_MILLIS }) } };
    case "resources.gpuConditions":
      return { ...job, resources: unconditional };
    case "resources.hostPorts":
      return { ...job, resources: anyPort };
    case "resources.gpuModel":
      return { ...job, resources: { ...job.resources, gpuModel: typeof value === "string" ? value : null } };
    case "resources.gpus":
    case "resources.cpuMillis":
    case "resources.memoryBytes":
      return { ...job, resources: { ...job.resources, [field.slice("resources.".length)]: amount ?? 0 } };
    case "rules.nodeSelector":
      return { ...job, rules: { ...(job.rules ?? NO_RULES), nodeSelector: selectorWith(job, value) } };
    case "rules.tolerations":
      return { ...job, rules: { ...(job.rules ?? NO_RULES), tolerations: tolerationsWith(job, value) } };
    default: {
      const rule = field.slice("rules.".length) as keyof PlacementRules;
      return { ...job, rules: { ...(job.rules ?? NO_RULES), [rule]: NO_RULES[rule] } };
    }
  }
}

function shareOf({ resources: { gpuShare } }: PendingJob, change: Partial<GpuShareRequest>): Pick<ResourceRequest, "gpuShare"> {
  return gpuShare === undefined ? {} : { gpuShare: { ...gpuShare, ...change } };
}

function selectorWith({ rules }: PendingJob, value: JobWish["value"]): PlacementRules["nodeSelector"] {
  if (typeof value !== "string") return {};
  const [key, text] = pairOf(value);
  return { ...rules?.nodeSelector, [key]: text };
}

function tolerationsWith({ rules }: PendingJob, pair: JobWish["value"]): PlacementRules["tolerations"] {
  if (typeof pair !== "string") return [];
  const [key, value] = pairOf(pair);
  return [...(rules?.tolerations ?? []), { key, value }];
}

function pairOf(pair: string): [string, string] {
  const equals = pair.indexOf("=");
  return [pair.slice(0, equals), pair.slice(equals + 1)];
}
