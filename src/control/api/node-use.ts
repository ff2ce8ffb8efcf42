import { isActive, type Job, type NodeRecord } from "../../shared/domain/index.ts";
import type { Allocated, NodeUse } from "../../shared/observe/index.ts";

/** What the jobs hold of the node: GPUs, CPUs and memory of every replica assigned to it whose attempt is not over. */
export function nodeUse(node: NodeRecord, jobs: readonly Job[]): NodeUse {
  const uuids = new Set<string>();
  const shares = new Map<string, { millis: number; memoryBytes: number }>();
  const allocated: Allocated = { gpuUuids: [], cpuMillis: 0, memoryBytes: 0 };
  for (const job of jobs) {
    if (!isActive(job.state)) continue;
    for (const { nodeId, gpuUuids, gpuShare } of job.attempt?.assignments ?? []) {
      if (nodeId !== node.id) continue;
      for (const uuid of gpuUuids) {
        uuids.add(uuid);
        const { millis, memoryBytes } = shares.get(uuid) ?? { millis: 0, memoryBytes: 0 };
        if (gpuShare !== undefined) shares.set(uuid, { millis: millis + gpuShare.millis, memoryBytes: memoryBytes + gpuShare.memoryBytes });
      }
      allocated.cpuMillis += job.spec.resources.cpuMillis;
      allocated.memoryBytes += job.spec.resources.memoryBytes;
    }
  }
  const parts = shares.size === 0 ? {} : { gpuShares: Object.fromEntries(shares) };
  return { node, allocated: { ...allocated, gpuUuids: [...uuids], ...parts } };
}
