import type { GpuShareRequest } from "./gpu-share.ts";
import type { GpuCondition, PlacementRules } from "./placement-rules.ts";
import type { PublishedPort } from "./published-port.ts";

/**
 * A job as the whole system sees it after its units were read and its defaults filled in
 * (`shared/wire` turns what a person wrote into this). Plain JSON: it is stored in the job's row as is.
 */
export interface JobSpec {
  /** RFC 1123 label: lower-case letters, digits and '-', at most 63 characters. Not unique. */
  name: string;
  image: string;
  /** When the registry is asked; absent is by tag: always for `latest` of a named registry, else only when it is missing. */
  pull?: PullPolicy;
  /** Replaces the image's ENTRYPOINT; null keeps it. */
  command: string[] | null;
  /** Replaces the image's CMD; null keeps it (unless `command` is given, as in Kubernetes). */
  args: string[] | null;
  env: Record<string, string>;
  workdir: string | null;
  resources: ResourceRequest;
  /** Containers that start together or not at all. */
  replicas: number;
  /** Higher goes first; -1000..1000. */
  priority: number;
  project: string;
  /** Seconds an attempt may run; null is no limit. */
  timeLimitSeconds: number | null;
  /** Seconds between SIGTERM and SIGKILL. */
  stopGraceSeconds: number;
  /** Times a failed attempt may be tried again. Losing a node is not charged here. */
  retries: number;
  mounts: MountRequest[];
  network: NetworkMode;
  /** Ports of each replica that its node answers on; absent for none. */
  ports?: PublishedPort[];
  /** Absent as the node is set up. */
  userns?: UsernsMode;
  labels: Record<string, string>;
  /** Which nodes, and how the replicas lie on them; absent without wishes (and in rows of older versions). */
  placement?: PlacementRules;
  /** Least replicas an elastic job starts with; absent for a fixed number. */
  minReplicas?: number;
  /** Runs once for each index; absent for a job of its own. */
  array?: ArraySpec;
  /** How it is asked to save its state; absent when it cannot. */
  checkpoint?: CheckpointSpec;
}

/** A signal to the job's first process; it touches the file $BERTH_CHECKPOINT_ACK when its checkpoint is durable. */
export interface CheckpointSpec {
  signal: string;
  /** Seconds it may take before SIGTERM follows, when it must make room. */
  graceSeconds: number;
  /** Seconds between two requests while it runs; null asks only before it must stop. */
  intervalSeconds: number | null;
}

/** Kubernetes' Always, IfNotPresent and Never, by Docker's names. */
export type PullPolicy = "always" | "missing" | "never";

export interface ArraySpec {
  /** As `parseTaskIndexes` reads them. */
  indexes: string;
  /** Tasks that may run (or wait with a row) at a time; null for as many as fit. */
  limit: number | null;
}

/** What one replica asks of its node. */
export interface ResourceRequest {
  /** GPUs, or devices of `migProfile`; 1 with `gpuShare`. */
  gpus: number;
  /** Absent takes whole GPUs. */
  gpuShare?: GpuShareRequest;
  /** "1g.10gb": MIG devices of this profile in place of GPUs. */
  migProfile?: string;
  /** Substring of the GPU's name, any case ("h100"); null takes any. */
  gpuModel: string | null;
  /** Least memory of each GPU, bytes; null takes any. */
  gpuMemoryBytes: number | null;
  /** Most memory of each GPU, bytes; absent takes any. */
  gpuMemoryMaxBytes?: number;
  /** All must hold for each GPU and its driver; absent without wishes. */
  gpuConditions?: GpuCondition[];
  /** Thousandths of a CPU. */
  cpuMillis: number;
  memoryBytes: number;
  /** Size of /dev/shm, bytes; null makes it as large as the memory request. */
  shmBytes: number | null;
  /** Most that a replica may write into its root, bytes; left out for as much as the node's disk has. */
  storageBytes?: number;
  /** Ports of the node that nobody else there may have, by `portName`; absent for none. */
  hostPorts?: string[];
}

export type NetworkMode = "bridge" | "host" | "none";

/** A user namespace of its own, whose root is nobody on the host, or the host's. Docker's --userns. */
export type UsernsMode = "private" | "host";

/** A volume (made when missing) or a host folder that the operator allows. */
export interface MountRequest {
  type: "volume" | "bind";
  /** Volume name, or absolute host path for a bind. */
  source: string;
  /** Absolute path in the container. */
  target: string;
  readOnly: boolean;
}
