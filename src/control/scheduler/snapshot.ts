import type {
  Assignment,
  Gpu,
  GpuCondition,
  ImageLayer,
  NodeState,
  PlacementRules,
  ResourceRequest,
  RoomPromise,
  Taint,
  UsernsMode,
} from "../../shared/domain/index.ts";
import type { ProjectShare, QueueingPolicy } from "./order/queueing-policy.ts";
import type { DefragmentPolicy } from "./preempt/defragment-policy.ts";
import type { ReservedWindow } from "./time/windows.ts";

/** A MIG device: to be given like a GPU, of which it has the memory, to those that ask for its profile. */
export interface MigUnit extends Gpu {
  profile: string;
  /** The GPU it is a part of. */
  gpuUuid: string;
}

/** A node as the scheduler sees it: what it has in all, not what is left. */
export interface NodeCapacity {
  id: string;
  name: string;
  address: string;
  state: NodeState;
  /** Milliseconds since the Unix epoch: only for the reason's text. */
  lastSeenAt: number;
  cpuMillis: number;
  memoryBytes: number;
  gpus: Gpu[];
  /** Of its GPUs in MIG mode; absent without any. */
  migDevices?: MigUnit[];
  /** Its operator lets jobs of different projects share a GPU; absent is no. */
  sharesAcrossProjects?: true;
  /** NVIDIA MPS is not installed; absent when it is, or nobody knows. */
  withoutMps?: true;
  /** User namespaces that its operator allows; absent when nobody knows. */
  usernsModes?: UsernsMode[];
  /** OCI name ("amd64"); absent when unknown, like the next ones. */
  architecture?: string;
  diskFreeBytes?: number;
  driverVersion?: string | null;
  cudaVersion?: string | null;
  labels?: Record<string, string>;
  taints?: Taint[];
  /** The large image layers it holds, see heldLayers. */
  imageLayers?: string[];
  /** Why nothing new may be placed here although it is ready: "cordoned", "draining", or a quarantine; absent when it may. */
  closed?: string;
  /** Written by time/windows.ts. */
  windows?: { name: string; words: string }[];
}

export interface PendingJob {
  id: string;
  priority: number;
  /** Milliseconds since the Unix epoch. */
  queuedAt: number;
  replicas: number;
  /** What each replica asks. */
  resources: ResourceRequest;
  /** An elastic job starts with as many of `replicas` as fit, at least these. */
  minReplicas?: number;
  rules?: PlacementRules;
  /** What the image's NVIDIA_REQUIRE_* say: every requirement, one of its alternatives, all conditions of that one. */
  imageRequirements?: GpuCondition[][][];
  /** CPU architectures its image is made for; absent when they are not known. */
  imageArchitectures?: string[];
  /** The user namespace its containers need; absent takes what the node has. */
  userns?: UsernsMode;
  /** Layers of its image; nodes that lack few of their bytes are preferred. */
  imageLayers?: ImageLayer[];
  /** Hardware that failed this job before, and how. */
  avoid?: Avoided[];
  /** Absent is the project "default" and nobody's. */
  project?: string;
  user?: string;
  /** Milliseconds until an attempt has surely ended, the grace of its stop included; absent without a limit. */
  timeLimitMs?: number;
  /** The part of it that is grace. */
  stopGraceMs?: number;
  /** Chance to end per GPU-second still to give, see time/service-history.ts; the "service" policy orders by it. */
  serviceIndex?: number;
  /** When it was last moved so that another could start, milliseconds since the Unix epoch. */
  movedAt?: number;
  /** True when an attempt of it has run before. */
  hasRun?: boolean;
  /** Room that an earlier pass promised it. */
  promise?: RoomPromise;
  /** Windows it would run into if it started now. Written by time/windows.ts. */
  barredBy?: string[];
  remainingMs?: Remaining;
}

/** How long a job still runs, by the history of like jobs, milliseconds; absent where it is unknown. Only for estimates. */
export interface Remaining {
  p50: number;
  p90: number;
}

/** `gpuUuid` null avoids the whole node. */
export interface Avoided {
  nodeId: string;
  gpuUuid: string | null;
  why: string;
}

/** A job that holds (or may still hold) what its assignments say. */
export interface ActiveJob {
  id: string;
  /** Latest end by its time limit, milliseconds since the Unix epoch; absent without a limit. */
  endsAt?: number;
  resources: ResourceRequest;
  assignments: Assignment[];
  priority?: number;
  project?: string;
  user?: string;
  /** Milliseconds since the Unix epoch; absent while it has not started. */
  startedAt?: number;
  /** Its last checkpoint, milliseconds since the Unix epoch; what it did before is not lost. */
  checkpointAt?: number;
  serviceIndex?: number;
  /** It is being stopped: what it holds comes free within its grace period. */
  stopping?: boolean;
  /** What it would ask if it started again; absent when it writes no checkpoints and is never moved. */
  again?: PendingJob;
  /** When it was last moved, milliseconds since the Unix epoch. */
  movedAt?: number;
  /** Milliseconds between the wish that it stops and its end, at most; absent is at once. */
  stopGraceMs?: number;
  remainingMs?: Remaining;
}

/** Everything a decision is made from. Plain data. */
export interface ClusterSnapshot {
  nodes: NodeCapacity[];
  pending: PendingJob[];
  active: ActiveJob[];
  /** Projects with a share, quota or limit of their own; without any, jobs go by priority and age. */
  projects?: ProjectShare[];
  /** The operator's reservations and maintenance windows. */
  reservations?: ReservedWindow[];
  /** Absent: running jobs stay where they are. */
  defragment?: DefragmentPolicy;
  /** Absent is fair share. */
  queueing?: QueueingPolicy;
  /** False leaves the reasons empty and holds no nodes back for jobs that waited long: for simulations under the service policy, a million passes. */
  explain?: boolean;
  /** Absent packs everywhere. */
  placement?: PlacementKinds;
}

/** Pack keeps nodes and scarce GPUs free for later jobs; spread takes the emptiest node, for heat, noise or failures' sake. */
export type PlacementKind = "pack" | "spread";

export interface PlacementKinds {
  kind?: PlacementKind;
  /** By the node's label berth.pool. */
  byPool?: Record<string, PlacementKind>;
}

export interface Placement {
  jobId: string;
  /** One for each replica, by rank. */
  assignments: Assignment[];
}

export interface PendingReason {
  jobId: string;
  /** For people; stable from pass to pass as long as nothing changed, so that it is not rewritten. */
  reason: string;
  /** Of a closed set: a metric's label. */
  kind: PendingKind;
}

/** A running job that must make room. */
export interface Preemption {
  jobId: string;
  forJobId: string;
  /** For people. */
  reason: string;
  /** Of a closed set: a metric's label. */
  kind: PreemptionKind;
}

/** A guarantee is taken back; the other is likely to end sooner; the other's first run is due; there is room for it elsewhere. */
export type PreemptionKind = "guarantee" | "sooner-end" | "first-run" | "move";

/** What keeps a job waiting, in one word. */
export type PendingKind = "never-fits" | "nodes-absent" | "no-room" | "held-back" | "behind-others" | "over-limit" | "making-room";

/** Every pending job of the snapshot is in exactly one of the two lists. */
export interface Plan {
  placements: Placement[];
  reasons: PendingReason[];
  /** Jobs to stop; what they hold is kept for the job they make room for. */
  preemptions: Preemption[];
  /** All promises that hold after this pass, old and new: a job's is over when it is not among them. Give them back in the next snapshot. */
  promises: (RoomPromise & { jobId: string })[];
}
