import type { PendingJob, PendingReason } from "../snapshot.ts";
import { comparePending } from "./compare-pending.ts";
import { type JobBucket, type JobBuckets, tellRest } from "./job-buckets.ts";
import type { OrderedQueue } from "./order-queue.ts";

/** How far a bucket is read. */
interface Cursor {
  bucket: JobBucket;
  next: number;
  head: PendingJob;
}

/** Priority, then age, by merging the buckets: the jobs of a bucket that is passed over cost nothing. */
export function bucketQueue(buckets: JobBuckets): OrderedQueue {
  const heap: Cursor[] = [];
  for (const bucket of buckets.all()) {
    const head = bucket.jobs[0];
    if (head !== undefined) heap.push({ bucket, next: 0, head });
  }
  for (let at = (heap.length >> 1) - 1; at >= 0; at -= 1) sink(heap, at);
  const drop = () => {
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    sink(heap, 0);
  };
  let current: Cursor | undefined;
  /** The cursor of the job that was given stays on top until the next is asked for. */
  const moveOn = () => {
    if (current === undefined) return;
    current.next += 1;
    const head = current.bucket.jobs[current.next];
    if (head === undefined) return drop();
    current.head = head;
    sink(heap, 0);
  };
  return {
    plain: true,
    next: () => {
      moveOn();
      current = heap[0];
      return current?.head;
    },
    key: () => current?.bucket.key,
    tellRest: (reason: Omit<PendingReason, "jobId">, into: PendingReason[]) => {
      if (current === undefined) return;
      tellRest(current.bucket, current.next + 1, reason, into);
      drop();
      current = undefined;
    },
    placed: () => {},
    overLimit: () => null,
    withinGuarantee: () => false,
    standing: () => null,
  };
}

function sink(heap: Cursor[], start: number): void {
  for (let at = start; ; ) {
    const left = 2 * at + 1;
    const [first, second] = [heap[left], heap[left + 1]];
    if (first === undefined) return;
    const child = second !== undefined && comparePending(second.head, first.head) < 0 ? left + 1 : left;
    const [one, other] = [heap[at], heap[child]];
    if (one === undefined || other === undefined || comparePending(other.head, one.head) >= 0) return;
    heap[at] = other;
    heap[child] = one;
    at = child;
  }
}
