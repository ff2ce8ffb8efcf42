import type { GpuCondition, PlacementRules, ResourceRequest } from "../../../shared/domain/index.ts";
import type { Saving } from "../checkpoint-time.ts";

/** A job of a trace, whatever format it came in. */
export interface ReplayJob {
  id: string;
  submitSeconds: number;
  durationSeconds: number;
  replicas: number;
  minReplicas?: number;
  /** Of each replica. */
  resources: ResourceRequest;
  rules?: PlacementRules;
  imageRequirements?: GpuCondition[][][];
  project: string;
  user: string;
  priority: number;
  timeLimitSeconds: number | null;
  stopGraceSeconds?: number;
  /** Whose jobs are like it; absent: those of its project and user. */
  group?: string;
  /** The array it is a task of. */
  array?: { id: string; limit: number | null };
  /** Seconds between its checkpoints, 0 for none; absent as the simulation has it. */
  checkpointSeconds?: number;
  /** What it keeps when it is stopped, in place of `checkpointSeconds`. */
  saving?: Saving;
}

/** A machine of a cluster file. */
export interface ReplayNode {
  name: string;
  gpus: number;
  gpuModel: string;
  cpuMillis: number;
  memoryBytes: number;
  partition: string | null;
}
