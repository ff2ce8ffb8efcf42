import { requestKey } from "../feasible/request.ts";
import type { ClusterSnapshot, PendingJob, PendingReason } from "../snapshot.ts";
import { type BucketNaming, bucketNaming } from "./bucket-naming.ts";
import { bucketQueue } from "./bucket-queue.ts";
import { compareByService } from "./compare-by-service.ts";
import { comparePending } from "./compare-pending.ts";
import { fairQueue } from "./fair-queue.ts";
import { createJobBuckets, type JobBuckets } from "./job-buckets.ts";

/** The pending jobs, best first. The order may depend on what was placed before: that is what fair share means. */
export interface OrderedQueue {
  /** The order is fixed, and no job is over a limit or has a standing. */
  plain?: true;
  next(): PendingJob | undefined;
  /** What the last given job asks, where it is known. */
  key(): string | undefined;
  /** Takes all jobs out that ask the same as the last given one, with its priority and time limit, each with this reason. */
  tellRest(reason: Omit<PendingReason, "jobId">, into: PendingReason[]): void;
  placed(job: PendingJob): void;
  /** Why the job may not start whatever is free; null when it may. */
  overLimit(job: PendingJob): string | null;
  /** True when the job, if started now, is covered by its project's guarantee. */
  withinGuarantee(job: PendingJob): boolean;
  /** Its project's standing, for the reason's text; null when shares play no part. */
  standing(job: PendingJob): string | null;
}

type MakeBuckets = (pending: readonly PendingJob[], naming: BucketNaming) => JobBuckets;

/** `bucketsOf` may know the pending jobs from the last time. */
export function orderQueue(
  snapshot: ClusterSnapshot,
  now: number,
  bucketsOf: MakeBuckets = (pending, naming) => createJobBuckets(pending, requestKey, naming),
): OrderedQueue {
  const { queueing, projects = [] } = snapshot;
  const buckets = bucketsOf(snapshot.pending, bucketNaming(snapshot));
  if (queueing?.kind === "service") return bucketQueue(buckets, compareByService(queueing, now));
  return projects.length === 0 ? bucketQueue(buckets, comparePending) : fairQueue(snapshot, projects, buckets);
}
