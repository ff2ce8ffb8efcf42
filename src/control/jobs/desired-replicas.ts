import {
  type Assignment,
  type Attempt,
  type Job,
  type NodeRecord,
  parseTaskIndexes,
  type ReplicaStatus,
  taskIndexBounds,
} from "../../shared/domain/index.ts";
import type { DesiredReplica, ReplicaSpec } from "../../shared/wire/index.ts";

const FIRST_PORT = 20_000;
const PORTS = 10_000;

/**
 * What the node must run or stop now. Nothing for a lost node: its attempts are about to be taken away, so it may
 * neither start nor keep anything. Ended replicas are left out, which lets the agent forget them.
 */
export function desiredFor(node: Pick<NodeRecord, "id" | "state">, jobs: readonly Job[]): DesiredReplica[] {
  if (node.state === "lost") return [];
  return jobs.flatMap((job) => {
    const attempt = job.attempt;
    if (attempt === null || (job.state !== "starting" && job.state !== "running" && job.state !== "stopping")) return [];
    return attempt.assignments
      .filter((assignment) => assignment.nodeId === node.id && statusOf(attempt, assignment.rank)?.state !== "exited")
      .map(
        (assignment): DesiredReplica => ({
          jobId: job.id,
          epoch: attempt.epoch,
          rank: assignment.rank,
          action: job.state === "stopping" ? "stop" : "run",
          ...(job.state === "stopping" && attempt.stopReason === "preempted" ? { checkpointFirst: true } : {}),
          spec: replicaSpec(job, attempt, assignment),
        }),
      );
  });
}

function statusOf(attempt: Attempt, rank: number): ReplicaStatus | undefined {
  return attempt.replicas.find((replica) => replica.rank === rank);
}

function replicaSpec(job: Job, attempt: Attempt, assignment: Assignment): ReplicaSpec {
  const { spec } = job;
  return {
    jobName: spec.name,
    project: spec.project,
    image: spec.image,
    ...(job.imageDigest === undefined ? {} : { imageDigest: job.imageDigest }),
    ...(spec.pull === undefined ? {} : { pull: spec.pull }),
    command: spec.command,
    args: spec.args,
    // Ours last: what the ranks agree on is not for the job to overwrite.
    env: { ...spec.env, ...rendezvousEnvironment(job, attempt, assignment) },
    workdir: spec.workdir,
    gpuUuids: assignment.gpuUuids,
    ...(assignment.gpuShare === undefined ? {} : { gpuShare: assignment.gpuShare }),
    cpuMillis: spec.resources.cpuMillis,
    memoryBytes: spec.resources.memoryBytes,
    shmBytes: spec.resources.shmBytes,
    ...(spec.resources.storageBytes === undefined ? {} : { storageBytes: spec.resources.storageBytes }),
    timeLimitSeconds: spec.timeLimitSeconds,
    stopGraceSeconds: spec.stopGraceSeconds,
    mounts: spec.mounts,
    network: spec.network,
    ...(spec.ports === undefined ? {} : { ports: spec.ports }),
    ...(spec.userns === undefined ? {} : { userns: spec.userns }),
    ...(spec.checkpoint === undefined ? {} : { checkpoint: spec.checkpoint }),
  };
}

/** torch.distributed's env:// rendezvous, one process (or torchrun) a container. */
function rendezvousEnvironment(job: Job, attempt: Attempt, assignment: Assignment): Record<string, string> {
  const single = attempt.assignments.length === 1;
  const first = attempt.assignments.find((other) => other.rank === 0) ?? assignment;
  return {
    RANK: String(assignment.rank),
    WORLD_SIZE: String(attempt.assignments.length),
    LOCAL_RANK: "0",
    MASTER_ADDR: single ? "127.0.0.1" : first.nodeAddress,
    MASTER_PORT: String(masterPort(job.id, attempt.epoch)),
    BERTH_JOB_ID: job.id,
    BERTH_JOB_NAME: job.spec.name,
    BERTH_EPOCH: String(attempt.epoch),
    BERTH_RESTART_COUNT: String(attempt.epoch - 1),
    ...arrayEnvironment(job),
  };
}

/** Slurm's names too: a program that was written for its arrays runs unchanged. */
function arrayEnvironment({ spec, task }: Job): Record<string, string> {
  const bounds = taskIndexBounds(parseTaskIndexes(spec.array?.indexes ?? ""));
  if (task === undefined || bounds === null) return {};
  const values = { JOB_ID: task.arrayId, TASK_ID: task.index, TASK_COUNT: bounds.count, TASK_MIN: bounds.least, TASK_MAX: bounds.most };
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => [
      [`BERTH_ARRAY_${name}`, String(value)],
      [`SLURM_ARRAY_${name}`, String(value)],
    ]),
  );
}

/** Same on every rank, another for the next attempt (the old port may linger in TIME_WAIT). FNV-1a. */
function masterPort(jobId: string, epoch: number): number {
  let hash = 0x811c9dc5;
  for (const character of `${jobId}/${epoch}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
  return FIRST_PORT + (hash % PORTS);
}
