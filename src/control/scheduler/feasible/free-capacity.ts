import type { Gpu, ResourceRequest } from "../../../shared/domain/index.ts";
import type { ActiveJob, NodeCapacity } from "../snapshot.ts";

/** What is left of a node while a plan is being made. Only `take` changes it. */
export interface FreeNode {
  node: NodeCapacity;
  cpuMillis: number;
  memoryBytes: number;
  /** Free GPUs, sick ones included, by index. */
  gpus: Gpu[];
  /** Who holds this node's GPUs: job id -> how many. */
  gpuHolders: Map<string, number>;
}

/** All nodes empty, by id. */
export function emptyNodes(nodes: readonly NodeCapacity[]): FreeNode[] {
  return [...nodes]
    .sort((left, right) => (left.id < right.id ? -1 : 1))
    .map((node) => ({
      node,
      cpuMillis: node.cpuMillis,
      memoryBytes: node.memoryBytes,
      gpus: [...node.gpus].sort((left, right) => left.index - right.index || (left.uuid < right.uuid ? -1 : 1)),
      gpuHolders: new Map(),
    }));
}

/** The nodes less what active jobs hold. A node can be below zero: its GPUs or memory may have shrunk under a running job. */
export function freeNodes(nodes: readonly NodeCapacity[], active: readonly ActiveJob[]): FreeNode[] {
  const free = emptyNodes(nodes);
  const byId = new Map(free.map((entry) => [entry.node.id, entry]));
  for (const job of active) {
    for (const assignment of job.assignments) {
      const entry = byId.get(assignment.nodeId);
      if (entry !== undefined) take(entry, job.id, job.resources, assignment.gpuUuids);
    }
  }
  return free;
}

/** Books one replica on the node. */
export function take(entry: FreeNode, jobId: string, resources: ResourceRequest, gpuUuids: readonly string[]): void {
  entry.cpuMillis -= resources.cpuMillis;
  entry.memoryBytes -= resources.memoryBytes;
  if (gpuUuids.length === 0) return;
  const taken = new Set(gpuUuids);
  entry.gpus = entry.gpus.filter((gpu) => !taken.has(gpu.uuid));
  entry.gpuHolders.set(jobId, (entry.gpuHolders.get(jobId) ?? 0) + gpuUuids.length);
}
