import type { Readable } from "node:stream";
import type { ExitCause, MountRequest, NetworkMode, PublishedPort, ResourceUsage, UsernsMode } from "../../shared/domain/index.ts";

/** What to run. The caller has resolved policy; the engine does as told. */
export interface ContainerRequest {
  /** Chosen by the caller so that a retry finds its own work: [a-z0-9][a-z0-9-]{0,62}. */
  id: string;
  image: string;
  /** Replaces ENTRYPOINT / CMD as in Kubernetes; null keeps the image's. */
  command: string[] | null;
  args: string[] | null;
  env: Record<string, string>;
  workdir: string | null;
  /** "uid", "uid:gid", "name"; null takes the image's USER. */
  user: string | null;
  hostname: string;
  mounts: MountRequest[];
  cpuMillis: number | null;
  memoryBytes: number | null;
  shmBytes: number | null;
  /** A user namespace of its own or the host's; left out as the node is set up. */
  userns?: UsernsMode;
  /** Most that the container may write into its root; left out for as much as the disk has. */
  storageBytes?: number;
  pidsLimit: number;
  gpuUuids: string[];
  /** Host folders through which it is a client of its GPU's MPS daemon; absent for all others. */
  mps?: { pipeFolder: string; shmFolder: string };
  network: NetworkMode;
  /** On network bridge only: elsewhere there is nothing between the container and the host, or nothing at all. */
  ports?: PublishedPort[];
  labels: Record<string, string>;
  /** Boot-time milliseconds after which the lease guard kills the container; null for none (builds). */
  leaseDeadlineMs: number | null;
  stopSignal: string | null;
  /** It gets a file at CHECKPOINT_FILE's place to touch; absent: it does not. */
  checkpoints?: boolean;
}

export type ContainerState = "created" | "running" | "exited";

export interface ContainerExit {
  /** 0..255, or null when the monitor was lost with it: never invented. */
  exitCode: number | null;
  cause: Extract<ExitCause, "exited" | "signal" | "oom" | "lease-expired" | "lost">;
  finishedAt: number;
  usage: ResourceUsage | null;
}

export interface Container {
  id: string;
  imageDigest: string;
  labels: Record<string, string>;
  state: ContainerState;
  pid: number | null;
  createdAt: number;
  startedAt: number | null;
  exit: ContainerExit | null;
  gpuUuids: string[];
  ipAddress: string | null;
  /** With the host ports that were chosen. */
  ports: PublishedPort[];
}

export interface Engine {
  /** Finishes or rolls back whatever a crash left half done; adopts what still runs. Call once before anything else. */
  recover(): Promise<void>;
  /** Creates and starts. Throws image_not_found, gpu_unavailable, port_unavailable, mount_forbidden, container_start_failed; leaves nothing behind then. */
  run(request: ContainerRequest, progress: (message: string) => void, signal: AbortSignal): Promise<Container>;
  list(): Container[];
  get(id: string): Container | null;
  /** Called on every state change of any container, recovered ones included. Returns the unsubscriber. */
  onChange(listener: (container: Container) => void): () => void;
  /** SIGTERM (or the image's STOPSIGNAL), grace, SIGKILL to the whole cgroup. Resolves when it has exited. */
  stop(id: string, graceSeconds: number): Promise<void>;
  /** Sends a signal ("SIGUSR1") to the first process; false when there is none any more. */
  signal(id: string, signal: string): Promise<boolean>;
  /** When the container last said that a checkpoint of it is durable, milliseconds since the Unix epoch; null before. */
  checkpointAt(id: string): Promise<number | null>;
  /** Moves the lease deadline (boot-time milliseconds). */
  renewLease(id: string, deadlineMs: number): Promise<void>;
  /** Removes an exited container: mount, cgroup, network, files. Missing is fine. */
  remove(id: string): Promise<void>;
  /**
   * The container's log file from `offset`: lines "RFC3339Nano stdout|stderr F|P text\n" as conmon writes them.
   * Bytes end where the file ends now.
   */
  readLog(id: string, offset: number): Promise<Readable>;
  logPath(id: string): string;
  /** Stats of a running container; null when it is gone. */
  usage(id: string): Promise<ResourceUsage | null>;
  close(): Promise<void>;
}
