import type { Job, NodeRecord } from "../../shared/domain/index.ts";
import { type ActiveJob, type ClusterSnapshot, nodeCapacity, type PendingJob } from "../scheduler/index.ts";
import type { QueueView } from "./job-store.ts";

/** The scheduler's view of the nodes and rows. */
export function snapshotOf(nodes: readonly NodeRecord[], view: Pick<QueueView, "pending" | "active">): ClusterSnapshot {
  return { nodes: nodes.map(nodeCapacity), pending: view.pending.map(pendingJob), active: view.active.map(activeJob) };
}

export function pendingJob({ id, spec, queuedAt, avoid }: Pick<Job, "id" | "spec" | "queuedAt" | "avoid">): PendingJob {
  return {
    id,
    queuedAt,
    priority: spec.priority,
    replicas: spec.replicas,
    resources: spec.resources,
    ...(spec.minReplicas === undefined ? {} : { minReplicas: spec.minReplicas }),
    ...(spec.placement === undefined ? {} : { rules: spec.placement }),
    ...(avoid === undefined ? {} : { avoid: avoid.map(({ nodeId, gpuUuid, why }) => ({ nodeId, gpuUuid, why })) }),
  };
}

function activeJob({ id, spec, attempt }: Job): ActiveJob {
  const started = attempt?.startedAt ?? attempt?.assignedAt;
  const ends = spec.timeLimitSeconds === null || started === undefined ? {} : { endsAt: started + spec.timeLimitSeconds * 1000 };
  return { id, resources: spec.resources, assignments: attempt?.assignments ?? [], ...ends };
}
