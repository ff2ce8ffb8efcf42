import type { Gpu } from "../../../shared/domain/index.ts";
import type { NodeCapacity, PendingJob } from "../../scheduler/index.ts";
import type { ReplayJob, ReplayNode } from "./replay-job.ts";

/** A simulated machine as the scheduler sees it. */
export function capacityOf({ name, gpus, gpuModel, cpuMillis, memoryBytes, partition }: ReplayNode): NodeCapacity {
  return {
    ...{ id: name, name, address: "", state: "ready", lastSeenAt: 0, cpuMillis, memoryBytes },
    gpus: Array.from({ length: gpus }, (_, index) => gpuOf(name, index, gpuModel)),
    ...(partition === null ? {} : { labels: { partition } }),
  };
}

function gpuOf(node: string, index: number, model: string): Gpu {
  return {
    ...{ uuid: `${node}/${index}`, index, minor: index, pciBusId: "", model, memoryBytes: 0, computeCapability: null },
    ...{ healthy: true, problem: null, numaNode: null, nvlinks: [], mig: null },
  };
}

/** A simulated job as it is submitted. */
export function pendingOf({ id, priority, replicas, resources, project, user, ...job }: ReplayJob): PendingJob {
  const stopGraceMs = (job.stopGraceSeconds ?? 0) * 1000;
  return {
    ...{ id, priority, replicas, resources, project, user, queuedAt: job.submitSeconds * 1000 },
    ...(job.stopGraceSeconds === undefined ? {} : { stopGraceMs }),
    ...(job.timeLimitSeconds === null ? {} : { timeLimitMs: job.timeLimitSeconds * 1000 + stopGraceMs }),
    ...(job.minReplicas === undefined ? {} : { minReplicas: job.minReplicas }),
    ...(job.rules === undefined ? {} : { rules: job.rules }),
    ...(job.imageRequirements === undefined ? {} : { imageRequirements: job.imageRequirements }),
  };
}
