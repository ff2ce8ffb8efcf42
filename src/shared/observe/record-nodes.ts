import type { NodeRecord } from "../domain/index.ts";
import type { Metrics } from "./metrics.ts";

/** A node and what of it jobs hold. */
export interface NodeUse {
  node: NodeRecord;
  allocated: { gpuUuids: string[]; cpuMillis: number; memoryBytes: number };
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
  const held = new Set(allocated.gpuUuids);
  const unhealthy = node.facts.gpus.filter((gpu) => !gpu.healthy);
  metrics.nodeGpus.set({ node: name, state: "unhealthy" }, unhealthy.length);
  metrics.nodeGpus.set({ node: name, state: "allocated" }, node.facts.gpus.filter((gpu) => gpu.healthy && held.has(gpu.uuid)).length);
  metrics.nodeGpus.set({ node: name, state: "free" }, node.facts.gpus.filter((gpu) => gpu.healthy && !held.has(gpu.uuid)).length);
  metrics.nodeCpus.set({ node: name, state: "allocated" }, allocated.cpuMillis / 1000);
  metrics.nodeCpus.set({ node: name, state: "total" }, node.facts.cpus);
  metrics.nodeMemory.set({ node: name, state: "allocated" }, allocated.memoryBytes);
  metrics.nodeMemory.set({ node: name, state: "total" }, node.facts.memoryBytes);
  metrics.nodeDiskFree.set({ node: name }, node.facts.diskFreeBytes);
  metrics.nodeLastSeen.set({ node: name }, node.lastSeenAt / 1000);
}

function recordGpus(metrics: Metrics, { node, allocated }: NodeUse): void {
  for (const gpu of node.facts.gpus) {
    const labels = { gpu: String(gpu.index), UUID: gpu.uuid, node: node.name };
    metrics.gpuInfo.set({ ...labels, modelName: gpu.model, pci_bus_id: gpu.pciBusId, simulated: String(node.facts.simulatedGpus) }, 1);
    metrics.gpuMemory.set(labels, gpu.memoryBytes);
    metrics.gpuHealthy.set(labels, gpu.healthy ? 1 : 0);
    metrics.gpuAllocated.set(labels, allocated.gpuUuids.includes(gpu.uuid) ? 1 : 0);
  }
}
