import { createHeap } from "../place/heap.ts";
import type { PendingJob, PendingReason } from "../snapshot.ts";
import { type JobBucket, tellRest } from "./job-buckets.ts";

/** How far a bucket is read. */
interface Cursor {
  bucket: JobBucket;
  next: number;
  head: PendingJob;
}

/** Buckets read together, the best job of all first: the jobs of a bucket that is passed over cost nothing. */
export interface BucketHeap {
  /** Before anything is read. */
  add(bucket: JobBucket): void;
  head(): PendingJob | undefined;
  /** Takes the head; its bucket stays the current one until the next is taken. */
  take(): { job: PendingJob; bucket: JobBucket } | undefined;
  /** Tells all that is left of the current bucket the reason, and takes it out. */
  tellRest(reason: Omit<PendingReason, "jobId">, into: PendingReason[]): void;
}

/** `compare` must agree with the order within the buckets. */
export function createBucketHeap(compare: (left: PendingJob, right: PendingJob) => number): BucketHeap {
  const cursors: Cursor[] = [];
  const before = (one: Cursor, other: Cursor) => compare(one.head, other.head) < 0;
  let heap: ReturnType<typeof createHeap<Cursor>> | null = null;
  let current: Cursor | undefined;
  const ready = () => {
    heap ??= createHeap(cursors, before);
    return heap;
  };
  /** The cursor of the job that was taken stays on top until the next is asked for: most often its bucket is told the rest. */
  const settle = () => {
    if (current === undefined) return;
    current.next += 1;
    const head = current.bucket.jobs[current.next];
    if (head === undefined) ready().pop();
    else {
      current.head = head;
      ready().sinkTop();
    }
    current = undefined;
  };
  return {
    add: (bucket) => {
      const head = bucket.jobs[0];
      if (head !== undefined) cursors.push({ bucket, next: 0, head });
    },
    head: () => {
      settle();
      return ready().top()?.head;
    },
    take: () => {
      settle();
      current = ready().top();
      return current === undefined ? undefined : { job: current.head, bucket: current.bucket };
    },
    tellRest: (reason, into) => {
      if (current === undefined) return;
      tellRest(current.bucket, current.next + 1, reason, into);
      ready().pop();
      current = undefined;
    },
  };
}
