import type { GpuShareRequest } from "../../../shared/domain/index.ts";
import type { FreeNode } from "../feasible/free-capacity.ts";
import { givePortsBack } from "../feasible/held-ports.ts";
import { removeShare } from "../feasible/shared-gpu.ts";
import type { ActiveJob } from "../snapshot.ts";

/** Nodes as they will be: a copy that may be changed without touching the pass. */
export type FutureNodes = Map<string, FreeNode>;

/** By id. */
export function copyNodes(entries: Iterable<FreeNode>): FutureNodes {
  const copies: FutureNodes = new Map();
  for (const entry of entries) copies.set(entry.node.id, copyNode(entry));
  return copies;
}

/** What is in it is never changed, only replaced. */
export function copyNode(entry: FreeNode): FreeNode {
  return { ...entry };
}

/** The nodes as if the job had ended. Nodes that are not in the map are left out. */
export function giveBack(nodes: Pick<FutureNodes, "get">, job: ActiveJob): void {
  const { gpuShare, migProfile, hostPorts } = job.resources;
  for (const { nodeId, gpuUuids } of job.assignments) {
    const entry = nodes.get(nodeId);
    if (entry === undefined) continue;
    entry.cpuMillis += job.resources.cpuMillis;
    entry.memoryBytes += job.resources.memoryBytes;
    if (hostPorts !== undefined) entry.ports = givePortsBack(entry.ports, job.id, hostPorts);
    if (gpuUuids.length === 0) continue;
    if (gpuShare !== undefined) {
      giveBackShares(entry, job.id, gpuShare, gpuUuids);
      continue;
    }
    if (migProfile !== undefined) {
      const devices = new Set([...entry.migDevices.map(({ uuid }) => uuid), ...gpuUuids]);
      entry.migDevices = (entry.node.migDevices ?? []).filter(({ uuid }) => devices.has(uuid));
      entry.migHolders = without(entry.migHolders, job.id);
      continue;
    }
    const free = new Set([...entry.gpus.map(({ uuid }) => uuid), ...gpuUuids]);
    entry.gpus = entry.node.gpus.filter(({ uuid }) => free.has(uuid));
    entry.gpuHolders = without(entry.gpuHolders, job.id);
  }
}

function giveBackShares(entry: FreeNode, jobId: string, share: GpuShareRequest, gpuUuids: readonly string[]): void {
  for (const uuid of gpuUuids) {
    const before = entry.shared.get(uuid);
    if (before === undefined) continue;
    const after = removeShare(before, jobId, share);
    entry.shared = after === null ? without(entry.shared, uuid) : new Map(entry.shared).set(uuid, after);
    if (after !== null) continue;
    const free = new Set([...entry.gpus, before.gpu]);
    entry.gpus = entry.node.gpus.filter((gpu) => free.has(gpu));
  }
}

function without<Value>(map: ReadonlyMap<string, Value>, key: string): Map<string, Value> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}
