import { type Job, lastCheckpoint, type NodeRecord } from "../../shared/domain/index.ts";
import {
  type ActiveJob,
  type ClusterSnapshot,
  nodeCapacity,
  type PendingJob,
  type ProjectShare,
  type ReservedWindow,
} from "../scheduler/index.ts";

/** The scheduler's view of the nodes and rows. */
export function snapshotOf(
  nodes: readonly NodeRecord[],
  view: { pending: readonly Job[]; active: readonly Job[] },
  projects: readonly ProjectShare[] = [],
  reservations: readonly ReservedWindow[] = [],
): ClusterSnapshot {
  const shares = projects.length === 0 ? {} : { projects: [...projects] };
  const kept = reservations.length === 0 ? {} : { reservations: [...reservations] };
  return { nodes: nodes.map(nodeCapacity), pending: view.pending.map(pendingJob), active: view.active.map(activeJob), ...shares, ...kept };
}

/**
 * What the scheduler weighs of a waiting job. Its time limit includes the grace to stop: only then is the place free.
 */
export function pendingJob({
  id,
  spec,
  queuedAt,
  avoid,
  user,
  promise,
  movedAt,
  imageRequirements = [],
  imageArchitectures,
  imageLayers,
}: Pick<Job, "id" | "spec" | "queuedAt" | "avoid" | "promise" | "movedAt" | "imageRequirements" | "imageArchitectures" | "imageLayers"> &
  Partial<Pick<Job, "user">>): PendingJob {
  return {
    id,
    queuedAt,
    priority: spec.priority,
    project: spec.project,
    ...(user === undefined ? {} : { user }),
    stopGraceMs: spec.stopGraceSeconds * 1000,
    ...(spec.timeLimitSeconds === null ? {} : { timeLimitMs: (spec.timeLimitSeconds + spec.stopGraceSeconds) * 1000 }),
    replicas: spec.replicas,
    resources: spec.resources,
    ...(spec.minReplicas === undefined ? {} : { minReplicas: spec.minReplicas }),
    ...(spec.placement === undefined ? {} : { rules: spec.placement }),
    ...(spec.userns === undefined ? {} : { userns: spec.userns }),
    ...(avoid === undefined ? {} : { avoid: avoid.map(({ nodeId, gpuUuid, why }) => ({ nodeId, gpuUuid, why })) }),
    ...(imageRequirements.length === 0 ? {} : { imageRequirements }),
    ...(imageLayers === undefined ? {} : { imageLayers }),
    ...(imageArchitectures === undefined ? {} : { imageArchitectures }),
    ...(promise === undefined ? {} : { promise }),
    ...(movedAt === undefined ? {} : { movedAt }),
  };
}

/**
 * What the scheduler weighs of a job that holds a place. `again` is there when it writes checkpoints: it may be moved or
 * asked to make room.
 */
export function activeJob(job: Job): ActiveJob {
  const { id, spec, attempt, state, user } = job;
  const started = attempt?.startedAt ?? attempt?.assignedAt;
  const ends =
    spec.timeLimitSeconds === null || started === undefined
      ? {}
      : { endsAt: started + (spec.timeLimitSeconds + spec.stopGraceSeconds) * 1000 };
  const running = attempt?.startedAt == null ? {} : { startedAt: attempt.startedAt };
  const { priority, project, resources } = spec;
  const checkpointAt = attempt === null ? undefined : lastCheckpoint(attempt);
  return {
    id,
    resources,
    assignments: attempt?.assignments ?? [],
    priority,
    project,
    user,
    stopping: state === "stopping",
    stopGraceMs: (spec.stopGraceSeconds + (spec.checkpoint?.graceSeconds ?? 0)) * 1000,
    ...running,
    ...ends,
    ...(checkpointAt === undefined ? {} : { checkpointAt }),
    ...(spec.checkpoint === undefined ? {} : { again: pendingJob(job) }),
    ...(job.movedAt === undefined ? {} : { movedAt: job.movedAt }),
  };
}
