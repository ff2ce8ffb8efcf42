import type { Gpu, NodeRecord } from "../domain/index.ts";
import type { Metrics } from "./metrics.ts";

/** A node and what of it jobs hold. */
export interface NodeUse {
  node: NodeRecord;
  allocated: Allocated;
}

export interface Allocated {
  /** GPUs and MIG devices that jobs have all of, or parts of. */
  gpuUuids: string[];
  /** GPU -> what parts of it come to; absent without parts. */
  gpuShares?: Record<string, { millis: number; memoryBytes: number }>;
  cpuMillis: number;
  memoryBytes: number;
}

/** Sets every node and GPU gauge anew; series of nodes and GPUs that are gone disappear. */
export function recordNodes(metrics: Metrics, nodes: NodeUse[]): void {
  const {
    nodes: byState,
    nodeGpus,
    nodeCpus,
    nodeMemory,
    nodeDiskFree,
    nodeLastSeen,
    gpuInfo,
    gpuMemory,
    gpuHealthy,
    gpuAllocated,
  } = metrics;
  for (const gauge of [nodeGpus, nodeCpus, nodeMemory, nodeDiskFree, nodeLastSeen, gpuInfo, gpuMemory, gpuHealthy, gpuAllocated])
    gauge.reset();
  for (const state of ["ready", "suspect", "lost"] as const) {
    byState.set({ state }, nodes.filter(({ node }) => node.state === state).length);
  }
  for (const use of nodes) {
    recordNode(metrics, use);
    recordGpus(metrics, use);
  }
}

function recordNode(metrics: Metrics, { node, allocated }: NodeUse): void {
  const name = node.name;
  const uuids = new Set(allocated.gpuUuids);
  const unhealthy = node.facts.gpus.filter((gpu) => !gpu.healthy);
  metrics.nodeGpus.set({ node: name, state: "unhealthy" }, unhealthy.length);
  metrics.nodeGpus.set({ node: name, state: "allocated" }, node.facts.gpus.filter((gpu) => gpu.healthy && isHeld(gpu, uuids)).length);
  metrics.nodeGpus.set({ node: name, state: "free" }, node.facts.gpus.filter((gpu) => gpu.healthy && !isHeld(gpu, uuids)).length);
  metrics.nodeCpus.set({ node: name, state: "allocated" }, allocated.cpuMillis / 1000);
  metrics.nodeCpus.set({ node: name, state: "total" }, node.facts.cpus);
  metrics.nodeMemory.set({ node: name, state: "allocated" }, allocated.memoryBytes);
  metrics.nodeMemory.set({ node: name, state: "total" }, node.facts.memoryBytes);
  metrics.nodeDiskFree.set({ node: name }, node.facts.diskFreeBytes);
  metrics.nodeLastSeen.set({ node: name }, node.lastSeenAt / 1000);
}

/** As a whole, in part, or one of its MIG devices. */
function isHeld({ uuid, mig }: Gpu, uuids: ReadonlySet<string>): boolean {
  return uuids.has(uuid) || (mig?.devices ?? []).some((device) => uuids.has(device.uuid));
}

function recordGpus(metrics: Metrics, { node, allocated }: NodeUse): void {
  const uuids = new Set(allocated.gpuUuids);
  for (const gpu of node.facts.gpus) {
    const labels = { gpu: String(gpu.index), UUID: gpu.uuid, node: node.name };
    metrics.gpuInfo.set({ ...labels, modelName: gpu.model, pci_bus_id: gpu.pciBusId, simulated: String(node.facts.simulatedGpus) }, 1);
    metrics.gpuMemory.set(labels, gpu.memoryBytes);
    metrics.gpuHealthy.set(labels, gpu.healthy ? 1 : 0);
    metrics.gpuAllocated.set(labels, isHeld(gpu, uuids) ? 1 : 0);
  }
}
