import type { GpuShare } from "./gpu-share.ts";
import type { ImageLayer } from "./image-layer.ts";
import type { JobSpec } from "./job-spec.ts";
import type { GpuCondition } from "./placement-rules.ts";
import type { PublishedPort } from "./published-port.ts";

/**
 * pending -> starting -> running -> succeeded | failed | cancelled, with `stopping` between the wish to end an
 * attempt and the last replica's end. A retry or a lost node goes back to pending with a higher epoch.
 */
export type JobState = "pending" | "starting" | "running" | "stopping" | "succeeded" | "failed" | "cancelled";

export type ReplicaState = "assigned" | "preparing" | "running" | "exited";

/** Why a replica ended. `exited` is the program's own end, with any exit code. */
export type ExitCause = "exited" | "signal" | "oom" | "time-limit" | "stopped" | "start-failed" | "lost" | "lease-expired";

/** Why somebody wanted an attempt to end. */
export type StopReason = "cancel" | "replica-failed" | "node-lost" | "preempted";

/** What one container used, as its cgroup and the GPUs told. */
export interface ResourceUsage {
  /** CPU time, seconds. */
  cpuSeconds: number;
  /** Highest memory, bytes; null where the kernel does not say. */
  peakMemoryBytes: number | null;
  /** Highest GPU memory over all its GPUs, bytes; null without GPUs. */
  peakGpuMemoryBytes: number | null;
}

/** One replica's place: rank -> node and GPU UUIDs. */
export interface Assignment {
  rank: number;
  nodeId: string;
  /** The address the node's peers reach it at. */
  nodeAddress: string;
  /** GPUs, or MIG devices. */
  gpuUuids: string[];
  /** What it holds of its one GPU; absent when it holds all of each. */
  gpuShare?: GpuShare;
}

/** The machine is to blame for a replica's failure: this GPU of its node, or (null) the node. */
export interface HardwareVerdict {
  gpuUuid: string | null;
  why: string;
}

/** What failed a job, and when. */
export interface AvoidedHardware extends HardwareVerdict {
  nodeId: string;
  at: number;
}

export interface ReplicaStatus {
  rank: number;
  state: ReplicaState;
  /** What it is doing now or what went wrong, for people ("unpacking debian:bookworm"). */
  message: string | null;
  cause: ExitCause | null;
  exitCode: number | null;
  /** Milliseconds since the Unix epoch, by the node's clock. */
  startedAt: number | null;
  finishedAt: number | null;
  usage: ResourceUsage | null;
  /** Absent unless the machine is to blame for its end. */
  hardware?: HardwareVerdict;
  /** Its newest acknowledged checkpoint, milliseconds since the Unix epoch; absent without any. */
  checkpointAt?: number;
  /** Where its node answers for it; absent before it runs, and without any. */
  ports?: PublishedPort[];
}

/** One run of a job. A report with another epoch than the row's is refused. */
export interface Attempt {
  epoch: number;
  assignments: Assignment[];
  replicas: ReplicaStatus[];
  assignedAt: number;
  startedAt: number | null;
  stopReason: StopReason | null;
}

/** How a job ended. */
export interface Outcome {
  /** What decided it: the first replica to fail, or rank 0. */
  cause: ExitCause | "cancelled";
  /** 0..255; null where no program ended (never started, lost, unknown). Never invented. */
  exitCode: number | null;
  message: string;
}

/** Nodes on which others were stopped for a job: they are kept for it. Times in milliseconds since the Unix epoch. */
export interface RoomPromise {
  nodeIds: string[];
  madeAt: number;
  until: number;
  /** Others move away for it; absent: they were pushed out by its project's right. */
  moves?: boolean;
}

/** Which task of an array a job is. */
export interface ArrayTask {
  arrayId: string;
  index: number;
}

/** How far an array is: its own row stands for the tasks that have none yet. */
export interface ArrayProgress {
  /** Tasks that have no row, as `parseTaskIndexes` reads them. */
  waiting: string;
  /** Tasks that were cancelled before they had a row. */
  dropped: number;
  /** Who cancelled the whole of it; absent when nobody did. */
  cancelledBy?: string;
  /** Tasks that have a row, by its state. */
  tasks: Record<JobState, number>;
}

/** The row. One writer (`control/jobs/transition.ts`), compare-and-set on (state, epoch, version). */
export interface Job {
  id: string;
  spec: JobSpec;
  state: JobState;
  /** Only grows; one more for every assignment. 0 before the first. */
  epoch: number;
  /** One more for every write of the row. */
  version: number;
  user: string;
  submittedAt: number;
  /** When it last became pending: its age in the queue. */
  queuedAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  /** Failed attempts charged so far. */
  retriesUsed: number;
  /** Times it had to make room for another job; absent when never. */
  preemptions?: number;
  /** When it was last moved for another job's sake; absent when never. */
  movedAt?: number;
  /** Attempts in a row that the machine kept from starting, none of them charged; absent without any. */
  failedStarts?: number;
  /** Milliseconds its earlier attempts ran in all; absent without any. */
  serviceMs?: number;
  /** The newest checkpoint of its earlier attempts; absent without any. */
  checkpointAt?: number;
  attempt: Attempt | null;
  /** Hardware that failed it: its next attempts keep away while another place could run it. Absent without any. */
  avoid?: AvoidedHardware[];
  /** Why it is pending, in words a person can act on; null unless pending. */
  pendingReason: string | null;
  /** Absent unless it is pending and room is being made for it. */
  promise?: RoomPromise;
  outcome: Outcome | null;
  /**
   * What its image's NVIDIA_REQUIRE_* say, read at the registry: every one, one of its alternatives, all conditions of that.
   * [] asks nothing, or is not known; absent: nobody has looked.
   */
  imageRequirements?: GpuCondition[][][];
  /** What its image's name meant then: the digest that all its replicas run. Absent when it is not known. */
  imageDigest?: string;
  /** Its image's large layers, the largest first; absent when they are not known, or it has none. */
  imageLayers?: ImageLayer[];
  /** CPU architectures its image is made for ("amd64"); absent when they are not known. */
  imageArchitectures?: string[];
  /** Of an array's own row, which is never placed: its tasks are. */
  array?: ArrayProgress;
  /** Of a task's row. */
  task?: ArrayTask;
}

/** What people call it: "81", and a task of array 81 "81_3", as in Slurm. */
export function nameOfJobId({ id, task }: Pick<Job, "id" | "task">): string {
  return task === undefined ? id : `${task.arrayId}_${task.index}`;
}

/**
 * What the attempt has saved: of a gang the oldest of its replicas' newest checkpoints, without those that never write one
 * (often rank 0 alone does). Undefined without any.
 */
export function lastCheckpoint(attempt: Attempt): number | undefined {
  const times = attempt.replicas.flatMap(({ checkpointAt }) => checkpointAt ?? []);
  return times.length === 0 ? undefined : Math.min(...times);
}

const TERMINAL_STATES = ["succeeded", "failed", "cancelled"] as const satisfies JobState[];

/** True when nothing of the job can change any more, but by a retry of an array's tasks. */
export function isTerminal(state: JobState): boolean {
  return (TERMINAL_STATES as readonly JobState[]).includes(state);
}

/** True while GPUs are (or may still be) held by the job. */
export function isActive(state: JobState): boolean {
  return state === "starting" || state === "running" || state === "stopping";
}

/** One line of a job's history. */
export interface JobEvent {
  /** Redis stream id: orders events and serves as a cursor. */
  id: string;
  jobId: string;
  epoch: number;
  at: number;
  type: string;
  message: string;
}
