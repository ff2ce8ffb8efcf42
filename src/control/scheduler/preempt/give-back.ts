import type { FreeNode } from "../feasible/free-capacity.ts";
import type { ActiveJob } from "../snapshot.ts";

/** Nodes as they will be: a copy that may be changed without touching the pass. */
export type FutureNodes = Map<string, FreeNode>;

export function copyNodes(entries: Iterable<FreeNode>): FutureNodes {
  const copies: FutureNodes = new Map();
  for (const entry of entries) copies.set(entry.node.id, copyNode(entry));
  return copies;
}

export function copyNode(entry: FreeNode): FreeNode {
  return { ...entry, gpus: [...entry.gpus], gpuHolders: new Map(entry.gpuHolders) };
}

/** The nodes as if the job had ended. Nodes that are not in the map are left out. */
export function giveBack(nodes: FutureNodes, job: ActiveJob): void {
  for (const { nodeId, gpuUuids } of job.assignments) {
    const entry = nodes.get(nodeId);
    if (entry === undefined) continue;
    entry.cpuMillis += job.resources.cpuMillis;
    entry.memoryBytes += job.resources.memoryBytes;
    if (gpuUuids.length === 0) continue;
    const free = new Set([...entry.gpus.map(({ uuid }) => uuid), ...gpuUuids]);
    entry.gpus = entry.node.gpus.filter(({ uuid }) => free.has(uuid));
    entry.gpuHolders.delete(job.id);
  }
}
