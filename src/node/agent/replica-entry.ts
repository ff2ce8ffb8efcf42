import type { Container } from "../engine/index.ts";
import type { Activity, LocalReplica } from "./infer-steps.ts";
import type { ReplicaKey } from "./replica-key.ts";
import type { ReplicaRecord } from "./replica-records.ts";

/** What the agent holds in memory of one replica, beside its record on disk and its container in the engine. */
export interface ReplicaEntry {
  readonly key: ReplicaKey;
  readonly containerId: string;
  record: ReplicaRecord;
  activity: Activity | null;
  /** Aborts the start in hand. */
  startAbort: AbortController | null;
  /** What it is doing or what failed last, for people. */
  message: string | null;
  leaseDeadlineMs: number | null;
  /** When a checkpoint was last asked for while it runs (boot-time milliseconds), by this agent. */
  checkpointAskedMs: number | null;
  /** Its newest acknowledged checkpoint, wall clock. */
  checkpointAt: number | null;
  /** Its stop may wait for a checkpoint. */
  checkpointFirst: boolean;
  failures: number;
  retryAtMs: number;
  /** Whether the whole log reached the control plane: its exit is told only then. */
  logs: "open" | "shipped" | "given-up";
}

type KeptOfSpec = Pick<ReplicaRecord, "gpuUuids" | "gpuShare" | "project" | "timeLimitSeconds" | "stopGraceSeconds" | "checkpoint">;

/** What is written before anything of the replica is started, so that an agent that is killed then knows of it. */
export function newRecord(key: ReplicaKey, spec: KeptOfSpec): ReplicaRecord {
  return {
    version: 1,
    jobId: key.jobId,
    epoch: key.epoch,
    rank: key.rank,
    gpuUuids: spec.gpuUuids,
    ...(spec.gpuShare === undefined ? {} : { gpuShare: spec.gpuShare }),
    ...(spec.project === undefined ? {} : { project: spec.project }),
    timeLimitSeconds: spec.timeLimitSeconds,
    stopGraceSeconds: spec.stopGraceSeconds,
    checkpoint: spec.checkpoint ?? null,
    checkpointAsked: null,
    runningSinceMs: null,
    ending: null,
    startFailure: null,
  };
}

/** Of a record that was just made, or found on disk by an agent that starts. */
export function newEntry(containerId: string, record: ReplicaRecord): ReplicaEntry {
  const { jobId, epoch, rank } = record;
  return {
    key: { jobId, epoch, rank },
    containerId,
    record,
    activity: null,
    startAbort: null,
    message: null,
    leaseDeadlineMs: null,
    checkpointAskedMs: null,
    checkpointAt: null,
    checkpointFirst: false,
    failures: 0,
    retryAtMs: 0,
    logs: "open",
  };
}

/** The container speaks for itself once it runs; before, the start in hand does. */
export function phaseOf(entry: ReplicaEntry, container: Container | null): LocalReplica["phase"] {
  if (container?.state === "running") return "running";
  if (entry.activity === "start") return "starting";
  return container?.state === "created" ? "starting" : "exited";
}
