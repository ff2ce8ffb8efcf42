import type { UsernsMode } from "./job-spec.ts";
import type { Taint } from "./placement-rules.ts";

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
  /** Whether NVIDIA MPS is there to share its GPUs; absent without GPUs, and from older agents. */
  mps?: boolean;
  /** Which user namespaces its containers may have; absent from older agents. */
  userns?: NodeUserns;
  /** Of the large image layers it holds, by `heldLayers`; absent from older agents. */
  imageLayers?: string[];
  /** Given to the agent by --label; absent from older agents. */
  labels?: Record<string, string>;
}

/** What a node gives to jobs that ask `userns`. */
export interface NodeUserns {
  modes: UsernsMode[];
  /** How image files get the ids of a private one: by their mounts, or by a copy of each layer, which costs its size once; null without private ones. */
  layers: "idmapped" | "chowned" | null;
}

/** A GPU, or a whole node (`gpuUuid` null), that failed jobs too often to be used before it was looked at. */
export interface Quarantine {
  gpuUuid: string | null;
  reason: string;
  since: number;
  /** Its newest diagnostic, which failed; absent before the first. */
  diagnostic?: { failures: number; at: number; failure: string };
}

/** A quarantine that a diagnostic ended. */
export interface Release {
  gpuUuid: string | null;
  at: number;
  /** So many of its quarantines were ended so within a week of one another. */
  times: number;
}

/** "quarantined: 3 failures of 2 jobs, ...; its diagnostic failed: ..." */
export function quarantineText({ reason, diagnostic }: Quarantine): string {
  return `quarantined: ${reason}${diagnostic === undefined ? "" : `; its diagnostic failed: ${diagnostic.failure}`}`;
}

/** What operators (and the failure ledger) said about a node; kept beside its record, so no sync overwrites it. */
export interface NodeControls {
  /** Nothing new is placed here. */
  cordoned: boolean;
  /** As cordoned, for maintenance: what runs here may finish, as in Slurm. */
  draining: boolean;
  /** Over the labels that the agent was started with. */
  labels: Record<string, string>;
  taints: Taint[];
  quarantines: Quarantine[];
  /** Failures of the last day that were blamed on the node or its GPUs; absent without any. */
  charges?: { gpuUuid: string | null; why: string; at: number; jobId: string }[];
  /** Quarantines that a diagnostic ended; absent without any. */
  releases?: Release[];
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
  /** Absent when nobody said anything. */
  controls?: NodeControls;
}
