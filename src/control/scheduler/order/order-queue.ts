import { requestKey } from "../feasible/request.ts";
import { createProjectHoldings, type Holding } from "../incremental/project-holdings.ts";
import type { ActiveJob, ClusterSnapshot, PendingJob, PendingReason } from "../snapshot.ts";
import { type BucketNaming, bucketNaming } from "./bucket-naming.ts";
import { bucketQueue } from "./bucket-queue.ts";
import { compareByService } from "./compare-by-service.ts";
import { comparePending } from "./compare-pending.ts";
import { fairQueue } from "./fair-queue.ts";
import { createJobBuckets, type JobBuckets } from "./job-buckets.ts";
import { type Amounts, totalsOf } from "./project-tree.ts";

/** The pending jobs, best first. The order may depend on what was placed before: that is what fair share means. */
export interface OrderedQueue {
  /** The order is fixed, and no job is over a limit or has a standing. */
  plain?: true;
  next(): PendingJob | undefined;
  /** What the last given job asks, where it is known. */
  key(): string | undefined;
  /** Takes all jobs out that ask the same as the last given one, with its priority and time limit, each with this reason. */
  tellRest(reason: Omit<PendingReason, "jobId">, into: PendingReason[]): void;
  /** Jobs that room was promised to, in no order. */
  promised(): PendingJob[];
  placed(job: PendingJob): void;
  /** Why the job may not start whatever is free; null when it may. */
  overLimit(job: PendingJob): string | null;
  /** True when the job, if started now, is covered by its project's guarantee. */
  withinGuarantee(job: PendingJob): boolean;
  /** Its project's standing, for the reason's text; null when shares play no part. */
  standing(job: PendingJob): string | null;
}

/** What an order may know from the last time. */
export interface OrderMemory {
  buckets(pending: readonly PendingJob[], naming: BucketNaming): JobBuckets;
  holdings(active: readonly ActiveJob[]): Iterable<Holding>;
  totals(): Amounts;
}

/**
 * By the policy: what is likely to end soon goes first (service), or shares where there are projects, else priority and
 * age. Without memory all is counted from the snapshot.
 */
export function orderQueue(snapshot: ClusterSnapshot, now: number, memory = nothingKnown(snapshot)): OrderedQueue {
  const buckets = memory.buckets(snapshot.pending, bucketNaming(snapshot));
  return { ...inOrder(snapshot, now, buckets, memory), promised: () => [...buckets.promised()] };
}

function inOrder(snapshot: ClusterSnapshot, now: number, buckets: JobBuckets, memory: OrderMemory): Omit<OrderedQueue, "promised"> {
  const { queueing, projects = [] } = snapshot;
  if (queueing?.kind === "service") return bucketQueue(buckets, compareByService(queueing, now));
  if (projects.length === 0) return bucketQueue(buckets, comparePending);
  return fairQueue(projects, memory.totals(), memory.holdings(snapshot.active), buckets);
}

function nothingKnown(snapshot: ClusterSnapshot): OrderMemory {
  return {
    buckets: (pending, naming) => createJobBuckets(pending, requestKey, naming),
    holdings: createProjectHoldings(),
    totals: () => totalsOf(snapshot),
  };
}
