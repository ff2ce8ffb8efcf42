import type { ResourceRequest } from "../../../shared/domain/index.ts";
import {
  type ActiveJob,
  type ClusterSnapshot,
  createServiceHistory,
  decide,
  type NodeCapacity,
  type PendingJob,
  type Placement,
  type Preemption,
  type QueueingPolicy,
  type ServiceHistory,
} from "../../scheduler/index.ts";
import type { JobRun } from "./partition-report.ts";
import { GPUS_PER_NODE, type PartitionJob, ROUNDING_SECONDS, restartSeconds } from "./partition-trace.ts";

/** While jobs wait the scheduler looks again this often, as in production. */
const PASS_SECONDS = 60;

interface Run {
  job: PartitionJob;
  pending: PendingJob;
  active: ActiveJob | null;
  remaining: number;
  attained: number;
  firstStart: number;
  preemptions: number;
}

/**
 * One partition under Berth's own `decide`, from empty until every job has ended. Durations are known to the simulator
 * alone. A job larger than a node asks whole nodes (12 GPUs take 16: no more than the peers get).
 */
export function runPartition(jobs: readonly PartitionJob[], nodeCount: number, queueing: QueueingPolicy): JobRun[] {
  const nodes = Array.from({ length: nodeCount }, (_, index) => nodeOf(index));
  const history = createServiceHistory();
  const done: JobRun[] = [];
  const live = new Map<string, Run>();
  let [arrived, now] = [0, 0];
  while (done.length < jobs.length) {
    const next = nextEvent(jobs[arrived], live, now);
    for (const run of live.values()) if (run.active !== null) advance(run, next - now, history);
    now = next;
    for (const run of live.values()) {
      if (run.active === null || run.remaining > ROUNDING_SECONDS) continue;
      live.delete(run.job.id);
      history.ended(run.job.id);
      done.push({ job: run.job, firstStart: run.firstStart, end: now, preemptions: run.preemptions });
    }
    for (let job = jobs[arrived]; job !== undefined && job.submitSeconds <= now; job = jobs[arrived]) {
      live.set(job.id, submitted(job, history));
      arrived += 1;
    }
    schedule(live, nodes, queueing, history, now);
  }
  return done;
}

function nextEvent(job: PartitionJob | undefined, live: ReadonlyMap<string, Run>, now: number): number {
  let next = job?.submitSeconds ?? Number.POSITIVE_INFINITY;
  for (const { active, remaining } of live.values()) next = Math.min(next, now + (active === null ? PASS_SECONDS : remaining));
  return next;
}

function advance(run: Run, seconds: number, history: ServiceHistory): void {
  run.remaining -= seconds;
  run.attained += seconds;
  history.attained(run.job.id, run.attained * 1000);
}

function submitted(job: PartitionJob, history: ServiceHistory): Run {
  const submittedAt = job.submitSeconds * 1000;
  history.submitted({ id: job.id, group: "", gpus: job.gpus, submittedAt });
  const replicas = Math.ceil(job.gpus / GPUS_PER_NODE);
  const resources = requestOf(replicas === 1 ? job.gpus : GPUS_PER_NODE);
  const pending: PendingJob = { id: job.id, priority: 0, queuedAt: submittedAt, replicas, resources };
  return { job, pending, active: null, remaining: job.durationSeconds, attained: 0, firstStart: -1, preemptions: 0 };
}

/** Stopping takes no time here, so what was preempted makes room at once and the next pass uses it. */
function schedule(
  live: ReadonlyMap<string, Run>,
  nodes: NodeCapacity[],
  queueing: QueueingPolicy,
  history: ServiceHistory,
  now: number,
): void {
  for (;;) {
    const snapshot = snapshotOf(live, nodes, queueing, history);
    if (snapshot.pending.length === 0) return;
    const { placements, preemptions } = decide(snapshot, now * 1000);
    for (const placement of placements) start(live, placement, now);
    for (const preemption of preemptions) stop(live, preemption);
    if (preemptions.length === 0) return;
  }
}

function snapshotOf(
  live: ReadonlyMap<string, Run>,
  nodes: NodeCapacity[],
  queueing: QueueingPolicy,
  history: ServiceHistory,
): ClusterSnapshot {
  const snapshot: ClusterSnapshot = { nodes, pending: [], active: [], queueing, explain: false };
  for (const { job, pending, active } of live.values()) {
    if (active === null) {
      pending.serviceIndex = history.index(job.id);
      snapshot.pending.push(pending);
    } else {
      active.serviceIndex = history.index(job.id);
      snapshot.active.push(active);
    }
  }
  return snapshot;
}

function start(live: ReadonlyMap<string, Run>, { jobId, assignments }: Placement, now: number): void {
  const run = live.get(jobId);
  if (run === undefined) return;
  run.active = { id: jobId, resources: run.pending.resources, assignments, priority: 0, startedAt: now * 1000 };
  if (run.firstStart < 0) run.firstStart = now;
  run.pending.hasRun = true;
}

function stop(live: ReadonlyMap<string, Run>, { jobId }: Preemption): void {
  const run = live.get(jobId);
  if (run === undefined) return;
  run.active = null;
  run.remaining += restartSeconds(run.job.gpus);
  run.preemptions += 1;
}

function requestOf(gpus: number): ResourceRequest {
  return { gpus, gpuModel: null, gpuMemoryBytes: null, cpuMillis: 0, memoryBytes: 0, shmBytes: null };
}

function nodeOf(index: number): NodeCapacity {
  const id = `node-${String(index).padStart(4, "0")}`;
  const gpu = {
    pciBusId: "",
    model: "GPU",
    memoryBytes: 0,
    computeCapability: null,
    healthy: true,
    problem: null,
    numaNode: null,
    nvlinks: [],
    mig: null,
  };
  const gpus = Array.from({ length: GPUS_PER_NODE }, (_, place) => ({ ...gpu, uuid: `${id}/${place}`, index: place, minor: place }));
  return { id, name: id, address: "", state: "ready", lastSeenAt: 0, cpuMillis: 0, memoryBytes: 0, gpus };
}
