import type { PendingJob } from "../snapshot.ts";
import { createBucketHeap } from "./bucket-heap.ts";
import type { JobBucket, JobBuckets } from "./job-buckets.ts";
import type { OrderedQueue } from "./order-queue.ts";

/** A fixed order, by merging the buckets. In it the jobs of a bucket are in the order they have in the bucket. */
export function bucketQueue(buckets: JobBuckets, compare: (left: PendingJob, right: PendingJob) => number): Omit<OrderedQueue, "promised"> {
  const heap = createBucketHeap(compare);
  for (const bucket of buckets.all()) heap.add(bucket);
  let current: JobBucket | undefined;
  return {
    plain: true,
    next: () => {
      const taken = heap.take();
      current = taken?.bucket;
      return taken?.job;
    },
    key: () => current?.key,
    tellRest: heap.tellRest,
    placed: () => {},
    overLimit: () => null,
    withinGuarantee: () => false,
    standing: () => null,
  };
}
