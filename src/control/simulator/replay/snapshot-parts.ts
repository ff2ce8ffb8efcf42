import { type Gpu, NO_RULES } from "../../../shared/domain/index.ts";
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
export function pendingOf(job: ReplayJob): PendingJob {
  const { id, priority, replicas, gpus, gpuModel, cpuMillis, memoryBytes, project, user } = job;
  return {
    ...{ id, priority, replicas, project, user, queuedAt: job.submitSeconds * 1000 },
    resources: { gpus, gpuModel, gpuMemoryBytes: null, cpuMillis, memoryBytes, shmBytes: null },
    ...(job.timeLimitSeconds === null ? {} : { timeLimitMs: job.timeLimitSeconds * 1000 }),
    ...(job.partition === null ? {} : { rules: { ...NO_RULES, nodeSelector: { partition: job.partition } } }),
  };
}
