import type { Gpu, ResourceRequest } from "../../../shared/domain/index.ts";
import type { ActiveJob, NodeCapacity } from "../snapshot.ts";

/** What is left of a node while a plan is being made. Only `take` changes it. */
export interface FreeNode {
  node: NodeCapacity;
  /** Place in the order of ids: breaks ties. */
  position: number;
  /** One more for every booking. */
  version: number;
  cpuMillis: number;
  memoryBytes: number;
  /** Free GPUs, sick ones included, by index. */
  gpus: Gpu[];
  /** What all GPUs of the node are, when they are alike and healthy; null otherwise, and they must be looked at one by one. */
  kind: string | null;
  /** Who holds this node's GPUs: job id -> how many. */
  gpuHolders: Map<string, number>;
}

/** All nodes empty, by id. */
export function emptyNodes(nodes: readonly NodeCapacity[]): FreeNode[] {
  return [...nodes]
    .sort((left, right) => (left.id < right.id ? -1 : left.id > right.id ? 1 : 0))
    .map((node, position) => ({
      node,
      position,
      version: 0,
      cpuMillis: node.cpuMillis,
      memoryBytes: node.memoryBytes,
      gpus: byIndex(node.gpus),
      kind: gpuKind(node),
      gpuHolders: new Map(),
    }));
}

function byIndex(gpus: readonly Gpu[]): Gpu[] {
  const inOrder = gpus.every((gpu, place) => place === 0 || (gpus[place - 1]?.index ?? 0) < gpu.index);
  return inOrder ? [...gpus] : [...gpus].sort((left, right) => left.index - right.index || (left.uuid < right.uuid ? -1 : 1));
}

function gpuKind({ gpus, driverVersion, cudaVersion }: NodeCapacity): string | null {
  const first = gpus[0];
  if (first === undefined) return null;
  const alike = gpus.every(
    (gpu) =>
      gpu.healthy &&
      gpu.model === first.model &&
      gpu.memoryBytes === first.memoryBytes &&
      gpu.computeCapability === first.computeCapability,
  );
  return alike ? `${first.model} ${first.memoryBytes} ${first.computeCapability} ${driverVersion ?? ""} ${cudaVersion ?? ""}` : null;
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
  entry.version += 1;
  entry.cpuMillis -= resources.cpuMillis;
  entry.memoryBytes -= resources.memoryBytes;
  if (gpuUuids.length === 0) return;
  entry.gpus = entry.gpus.filter((gpu) => !gpuUuids.includes(gpu.uuid));
  // A copy: the map may be shared with the state that the next cycle starts from.
  entry.gpuHolders = new Map(entry.gpuHolders).set(jobId, (entry.gpuHolders.get(jobId) ?? 0) + gpuUuids.length);
}
