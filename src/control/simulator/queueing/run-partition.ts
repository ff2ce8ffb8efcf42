import type { ResourceRequest } from "../../../shared/domain/index.ts";
import type { NodeCapacity, PendingJob, QueueingPolicy } from "../../scheduler/index.ts";
import { runEventLoop } from "../event-loop.ts";
import { capacityOf } from "../replay/snapshot-parts.ts";
import type { SimulatedJob } from "../run.ts";
import type { JobRun } from "./partition-report.ts";
import { GPUS_PER_NODE, type PartitionJob, restartSeconds } from "./partition-trace.ts";

const PASS_SECONDS = 60;

/** One partition under Berth's own `decide`. A job larger than a node asks whole nodes (12 GPUs take 16: no more than the peers get). */
export function runPartition(jobs: readonly PartitionJob[], nodeCount: number, queueing: QueueingPolicy): JobRun[] {
  const nodes = Array.from({ length: nodeCount }, (_, index) => nodeOf(index));
  return runEventLoop({ jobs, simulated, nodes, policy: { queueing, explain: false }, passSeconds: PASS_SECONDS }).done;
}

function simulated({ id, gpus, submitSeconds, durationSeconds }: PartitionJob): SimulatedJob {
  const replicas = Math.ceil(gpus / GPUS_PER_NODE);
  const resources = requestOf(replicas === 1 ? gpus : GPUS_PER_NODE);
  const pending: PendingJob = { id, priority: 0, queuedAt: submitSeconds * 1000, replicas, resources };
  return { submitSeconds, durationSeconds, restartSeconds: restartSeconds(gpus), timeLimitSeconds: null, group: "", gpus, pending };
}

function requestOf(gpus: number): ResourceRequest {
  return { gpus, gpuModel: null, gpuMemoryBytes: null, cpuMillis: 0, memoryBytes: 0, shmBytes: null };
}

function nodeOf(index: number): NodeCapacity {
  const name = `node-${String(index).padStart(4, "0")}`;
  return capacityOf({ name, gpus: GPUS_PER_NODE, gpuModel: "GPU", cpuMillis: 0, memoryBytes: 0, partition: null });
}
