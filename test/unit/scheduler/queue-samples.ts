import type { ActiveJob, NodeCapacity, PendingJob } from "../../../src/control/scheduler/index.ts";
import { GIB, gpuOf, resourcesOf } from "../../support/control-samples.ts";

export const NOW = 1_700_000_000_000;
export const HOUR = 3_600_000;

export function nodeOf(id: string, gpus: number): NodeCapacity {
  return {
    id,
    name: id,
    address: "10.0.0.1",
    state: "ready",
    lastSeenAt: NOW,
    cpuMillis: 64_000,
    memoryBytes: 256 * GIB,
    gpus: Array.from({ length: gpus }, (_, index) => gpuOf(id, index, {})),
  };
}

export function pendingOf(id: string, gpus: number, more: Partial<PendingJob> = {}): PendingJob {
  return { id, priority: 0, queuedAt: NOW - 1000, replicas: 1, resources: ask(gpus), ...more };
}

export function activeOf(id: string, nodeId: string, indexes: readonly number[], more: Partial<ActiveJob> = {}): ActiveJob {
  const gpuUuids = indexes.map((index) => `GPU-${nodeId}-${index}`);
  return { id, resources: ask(indexes.length), assignments: [{ rank: 0, nodeId, nodeAddress: "10.0.0.1", gpuUuids }], ...more };
}

function ask(gpus: number) {
  return resourcesOf({ gpus, cpuMillis: 100, memoryBytes: GIB });
}
