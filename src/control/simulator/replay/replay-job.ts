/** A job of a trace, whatever format it came in. */
export interface ReplayJob {
  id: string;
  submitSeconds: number;
  durationSeconds: number;
  replicas: number;
  /** GPUs of each replica. */
  gpus: number;
  cpuMillis: number;
  memoryBytes: number;
  /** Part of the GPU's model; null takes any. */
  gpuModel: string | null;
  project: string;
  user: string;
  priority: number;
  timeLimitSeconds: number | null;
  /** The partition it is bound to; null runs anywhere. */
  partition: string | null;
}

/** A machine of the simulated cluster. */
export interface ReplayNode {
  name: string;
  gpus: number;
  gpuModel: string;
  cpuMillis: number;
  memoryBytes: number;
  partition: string | null;
}
