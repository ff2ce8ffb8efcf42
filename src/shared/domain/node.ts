/** One GPU as its node reports it. `uuid` is its name everywhere; `index` only helps people. */
export interface Gpu {
  uuid: string;
  index: number;
  /** N of /dev/nvidiaN. */
  minor: number;
  pciBusId: string;
  model: string;
  memoryBytes: number;
  /** "9.0"; null when NVML does not say. */
  computeCapability: string | null;
  healthy: boolean;
  /** Why it is not healthy; null when it is. */
  problem: string | null;
  /** NUMA node of its PCI slot; null where the machine has but one, or does not say. */
  numaNode: number | null;
  /** Where its active NVLinks lead; [] without NVLink. */
  nvlinks: NvlinkPeer[];
  /** Null when this GPU cannot be partitioned. */
  mig: { enabled: boolean; devices: MigDevice[] } | null;
}

/** The other end of some of a GPU's NVLinks. */
export interface NvlinkPeer {
  kind: "gpu" | "switch" | "other";
  /** As NVML writes it, "00000000:1B:00.0". */
  pciBusId: string;
  /** Active links between the two. */
  links: number;
}

/** One compute instance of a partitioned GPU. */
export interface MigDevice {
  /** "MIG-..." */
  uuid: string;
  gpuInstance: number;
  computeInstance: number;
  /** "1g.10gb", or "1c.2g.20gb" where it has only a part of its GPU instance. */
  profile: string;
  memoryBytes: number;
}

export interface NodeFacts {
  hostname: string;
  os: string;
  kernel: string;
  architecture: string;
  cpus: number;
  memoryBytes: number;
  diskFreeBytes: number;
  diskTotalBytes: number;
  cgroupMode: "v1" | "v2" | "hybrid";
  /** "crun 1.8.1", "runc 1.1.5". */
  runtime: string;
  berthVersion: string;
  driverVersion: string | null;
  cudaVersion: string | null;
  gpus: Gpu[];
  /** True when the GPUs are simulated: said loudly wherever GPUs are shown. */
  simulatedGpus: boolean;
}

export type NodeState = "ready" | "suspect" | "lost";

export interface NodeRecord {
  id: string;
  name: string;
  /** Where peers reach it (IP address). */
  address: string;
  facts: NodeFacts;
  /** Random per agent process start. */
  incarnation: string;
  bootId: string;
  joinedAt: number;
  /** Wall clock of the control plane at the last sync. */
  lastSeenAt: number;
  state: NodeState;
}
