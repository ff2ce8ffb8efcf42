import type { ClusterSnapshot, PendingJob } from "../snapshot.ts";
import { compareByService } from "./compare-by-service.ts";
import { comparePending } from "./compare-pending.ts";
import { fairQueue } from "./fair-queue.ts";

/** The pending jobs, best first. The order may depend on what was placed before: that is what fair share means. */
export interface OrderedQueue {
  /** The order is fixed, and no job is over a limit or has a standing. */
  plain?: true;
  next(): PendingJob | undefined;
  placed(job: PendingJob): void;
  /** Why the job may not start whatever is free; null when it may. */
  overLimit(job: PendingJob): string | null;
  /** True when the job, if started now, is covered by its project's guarantee. */
  withinGuarantee(job: PendingJob): boolean;
  /** Its project's standing, for the reason's text; null when shares play no part. */
  standing(job: PendingJob): string | null;
}

/** `sort` may know the order from the last time. */
export function orderQueue(snapshot: ClusterSnapshot, now: number, sort = sortPending): OrderedQueue {
  const { queueing, projects = [] } = snapshot;
  if (queueing?.kind === "service") return sortedQueue([...snapshot.pending].sort(compareByService(queueing, now)));
  if (projects.length === 0) return sortedQueue(sort(snapshot.pending));
  return fairQueue(snapshot, projects);
}

function sortPending(pending: readonly PendingJob[]): readonly PendingJob[] {
  return [...pending].sort(comparePending);
}

function sortedQueue(jobs: readonly PendingJob[]): OrderedQueue {
  let position = 0;
  return {
    plain: true,
    next: () => {
      position += 1;
      return jobs[position - 1];
    },
    placed: () => {},
    overLimit: () => null,
    withinGuarantee: () => false,
    standing: () => null,
  };
}
