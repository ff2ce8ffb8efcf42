import { isActive, type Job, type NodeRecord } from "../../shared/domain/index.ts";
import type { NodeUse } from "../../shared/observe/index.ts";

/** What the jobs hold of the node: GPUs, CPUs and memory of every replica assigned to it whose attempt is not over. */
export function nodeUse(node: NodeRecord, jobs: readonly Job[]): NodeUse {
  const allocated = { gpuUuids: [] as string[], cpuMillis: 0, memoryBytes: 0 };
  for (const job of jobs) {
    if (!isActive(job.state)) continue;
    for (const assignment of job.attempt?.assignments ?? []) {
      if (assignment.nodeId !== node.id) continue;
      allocated.gpuUuids.push(...assignment.gpuUuids);
      allocated.cpuMillis += job.spec.resources.cpuMillis;
      allocated.memoryBytes += job.spec.resources.memoryBytes;
    }
  }
  return { node, allocated };
}
