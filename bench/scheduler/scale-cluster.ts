import type { ActiveJob, ClusterSnapshot, NodeCapacity, PendingJob } from "../../src/control/scheduler/index.ts";

/** The moment of every snapshot made here. */
export const NOW = 1_700_000_000_000;
const GIB = 2 ** 30;
const MODELS = ["NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB", "NVIDIA A10", "Tesla T4"];
const MEMORY_GIB = [80, 80, 24, 16];

export interface ScaleSize {
  nodes: number;
  pending: number;
  /** Part of the GPUs that running jobs hold, 0..1. */
  load: number;
}

/**
 * A made-up cluster of 8-GPU nodes of four models in racks of 32, running jobs of 1, 2, 4 and 8 GPUs, and a queue of about
 * 200 different requests: sizes, models, gangs, CPU and memory vary as in the public traces. The same seed, the same cluster.
 */
export function scaleCluster({ nodes, pending, load }: ScaleSize, seed = 1): ClusterSnapshot {
  const random = mulberry(seed);
  const machines = Array.from({ length: nodes }, (_, place) => nodeOf(place));
  return {
    nodes: machines,
    active: runningOn(machines, load, random),
    pending: Array.from({ length: pending }, (_, place) => waiting(place, random)),
  };
}

function nodeOf(place: number): NodeCapacity {
  const kind = place % MODELS.length;
  const id = `node-${String(place).padStart(5, "0")}`;
  return {
    ...{ id, name: id, address: "10.0.0.1", state: "ready", lastSeenAt: NOW, cpuMillis: 128_000, memoryBytes: 1024 * GIB },
    labels: { rack: `r${place >> 5}` },
    gpus: Array.from({ length: 8 }, (_, index) => ({
      ...{ uuid: `GPU-${place}-${index}`, index, minor: index, pciBusId: `0000:0${index}:00.0`, model: MODELS[kind] ?? "" },
      ...{ memoryBytes: (MEMORY_GIB[kind] ?? 16) * GIB, computeCapability: "8.0", healthy: true, problem: null },
      ...{ numaNode: null, nvlinks: [], mig: null },
    })),
  };
}

function runningOn(nodes: readonly NodeCapacity[], load: number, random: () => number): ActiveJob[] {
  const active: ActiveJob[] = [];
  for (const node of nodes) {
    for (let gpu = 0; gpu < 8; ) {
      const gpus = Math.min(8 - gpu, pick([1, 1, 2, 4, 8], random));
      const uuids = node.gpus.slice(gpu, gpu + gpus).map(({ uuid }) => uuid);
      gpu += gpus;
      if (random() >= load) continue;
      active.push({
        id: String(active.length + 1),
        resources: resources(gpus, null, gpus * 8, gpus * 64),
        assignments: [{ rank: 0, nodeId: node.id, nodeAddress: node.address, gpuUuids: uuids }],
      });
    }
  }
  return active;
}

function waiting(place: number, random: () => number): PendingJob {
  const gpus = pick([0, 1, 1, 1, 2, 4, 8, 8], random);
  const model = pick([null, null, "h100", "a100"], random);
  return {
    id: String(1_000_000 + place),
    priority: pick([0, 0, 0, 5], random),
    queuedAt: NOW - Math.floor(random() * 500_000),
    replicas: gpus === 8 ? pick([1, 2, 4, 16], random) : 1,
    resources: resources(gpus, model, pick([1, 4, 8], random) * Math.max(1, gpus), pick([8, 64], random) * Math.max(1, gpus)),
  };
}

function resources(gpus: number, gpuModel: string | null, cpus: number, memoryGib: number) {
  return { gpus, gpuModel, gpuMemoryBytes: null, cpuMillis: cpus * 1000, memoryBytes: memoryGib * GIB, shmBytes: null };
}

export function pick<T>(items: readonly T[], random: () => number): T {
  return items[Math.floor(random() * items.length)] as T;
}

/** Small seeded generator: the benchmark must meet the same cluster every time. */
export function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
