import type { ActiveJob, ClusterSnapshot, NodeCapacity, PendingJob } from "../../src/control/scheduler/index.ts";
import type { Gpu, NodeState, ResourceRequest } from "../../src/shared/domain/index.ts";
import { GIB, gpuOf, resourcesOf } from "../support/control-samples.ts";

/** The moment of every case; ages are given as seconds before it. 2023-11-14T22:13:20Z. */
export const NOW = 1_700_000_000_000;

interface CaseNode {
  gpus?: number;
  cpus?: number;
  memoryGi?: number;
  state?: NodeState;
  lastSeenSecondsAgo?: number;
  gpu?: Partial<Gpu>;
  /** Index of the GPU -> what ails it. */
  sick?: Record<number, string>;
}

interface CaseRequest {
  gpus?: number;
  model?: string;
  gpuMemoryGi?: number;
  cpus?: number;
  memoryGi?: number;
}

interface CaseRunning extends CaseRequest {
  /** "a:0,1" is GPUs 0 and 1 of node a; "a" is the node without GPUs. One for each replica. */
  on: string[];
}

interface CasePending extends CaseRequest {
  replicas?: number;
  priority?: number;
  waitedSeconds?: number;
}

/** One whole cluster, the queue, and what must come out. Jobs are ordered by their ids where age and priority are equal. */
export interface ClusterCase {
  name: string;
  nodes: Record<string, CaseNode>;
  running?: Record<string, CaseRunning>;
  queue: Record<string, CasePending>;
  /** Job -> its places by rank, written as in `on`. */
  placed?: Record<string, string[]>;
  /** Job -> its reason. */
  waits?: Record<string, string>;
}

export function snapshotOf({ nodes, running = {}, queue }: ClusterCase): ClusterSnapshot {
  return {
    nodes: Object.entries(nodes).map(([id, node]) => nodeOf(id, node)),
    active: Object.entries(running).map(([id, job]) => activeOf(id, job)),
    pending: Object.entries(queue).map(([id, job]) => pendingOf(id, job)),
  };
}

function nodeOf(id: string, node: CaseNode): NodeCapacity {
  const gpus = Array.from({ length: node.gpus ?? 0 }, (_, index) => {
    const problem = node.sick?.[index] ?? null;
    return gpuOf(id, index, { ...node.gpu, healthy: problem === null, problem });
  });
  const lastSeenAt = NOW - (node.lastSeenSecondsAgo ?? 1) * 1000;
  return {
    id,
    name: id,
    address: "10.0.0.1",
    state: node.state ?? "ready",
    lastSeenAt,
    cpuMillis: (node.cpus ?? 64) * 1000,
    memoryBytes: (node.memoryGi ?? 256) * GIB,
    gpus,
  };
}

function requestOf(request: CaseRequest): ResourceRequest {
  const { gpus = 0, model = null, gpuMemoryGi, cpus = 1, memoryGi = 1 } = request;
  const gpuMemoryBytes = gpuMemoryGi === undefined ? null : gpuMemoryGi * GIB;
  return resourcesOf({ gpus, gpuModel: model, gpuMemoryBytes, cpuMillis: cpus * 1000, memoryBytes: memoryGi * GIB });
}

function activeOf(id: string, job: CaseRunning): ActiveJob {
  const assignments = job.on.map((place, rank) => {
    const [nodeId = "", indexes = ""] = place.split(":");
    const gpuUuids = indexes === "" ? [] : indexes.split(",").map((index) => `GPU-${nodeId}-${index}`);
    return { rank, nodeId, nodeAddress: "10.0.0.1", gpuUuids };
  });
  return { id, resources: requestOf({ ...job, gpus: assignments[0]?.gpuUuids.length ?? 0 }), assignments };
}

function pendingOf(id: string, job: CasePending): PendingJob {
  return {
    id,
    priority: job.priority ?? 0,
    queuedAt: NOW - (job.waitedSeconds ?? 5) * 1000,
    replicas: job.replicas ?? 1,
    resources: requestOf(job),
  };
}
