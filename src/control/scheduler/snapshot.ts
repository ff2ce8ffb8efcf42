import type { Assignment, Gpu, NodeRecord, NodeState, ResourceRequest } from "../../shared/domain/index.ts";

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
}

export interface PendingJob {
  id: string;
  priority: number;
  /** Milliseconds since the Unix epoch. */
  queuedAt: number;
  replicas: number;
  /** What each replica asks. */
  resources: ResourceRequest;
}

/** A job that holds (or may still hold) what its assignments say. */
export interface ActiveJob {
  id: string;
  resources: ResourceRequest;
  assignments: Assignment[];
}

/** Everything a decision is made from. Plain data. */
export interface ClusterSnapshot {
  nodes: NodeCapacity[];
  pending: PendingJob[];
  active: ActiveJob[];
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
}

/** Every pending job of the snapshot is in exactly one of the two lists. */
export interface Plan {
  placements: Placement[];
  reasons: PendingReason[];
}

/** The scheduler's view of a node's record. */
export function nodeCapacity(record: NodeRecord): NodeCapacity {
  return {
    id: record.id,
    name: record.name,
    address: record.address,
    state: record.state,
    lastSeenAt: record.lastSeenAt,
    cpuMillis: record.facts.cpus * 1000,
    memoryBytes: record.facts.memoryBytes,
    gpus: record.facts.gpus,
  };
}
