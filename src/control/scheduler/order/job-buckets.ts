import type { PendingJob, PendingReason } from "../snapshot.ts";
import type { BucketNaming } from "./bucket-naming.ts";
import { comparePending } from "./compare-pending.ts";

/**
 * Pending jobs that nothing tells apart but their age: what becomes of the first, once nothing can change it any more,
 * becomes of the rest. So a cycle looks at the few buckets and not at a hundred thousand jobs.
 */
export interface JobBucket {
  /** What its jobs ask, see `requestKey`. */
  key: string;
  /** In queue order. */
  jobs: PendingJob[];
  /** The reason that was last given to its jobs, and each one's own, the same objects from cycle to cycle. */
  told: { kind: PendingReason["kind"]; reason: string; each: (PendingReason | undefined)[] } | null;
}

/** The pending jobs by what they ask, and by what else their order depends on. */
export interface JobBuckets {
  all(): Iterable<JobBucket>;
  /** Jobs that room was promised to. */
  promised(): Iterable<PendingJob>;
  add(job: PendingJob): void;
  /** Of a job that was added. */
  remove(job: PendingJob): void;
}

/** `prefixOf` tells apart what the order depends on; `keyOf` what is asked. */
export function createJobBuckets(
  pending: readonly PendingJob[],
  keyOf: (job: PendingJob) => string,
  { prefixOf }: BucketNaming,
): JobBuckets {
  const byName = new Map<string, JobBucket>();
  const promised = new Set<PendingJob>();
  const nameOf = (job: PendingJob, key: string) => `${prefixOf(job)} ${key}`;
  const enter = (job: PendingJob): JobBucket => {
    if (job.promise !== undefined) promised.add(job);
    return bucketOf(job);
  };
  const bucketOf = (job: PendingJob): JobBucket => {
    const key = keyOf(job);
    const name = nameOf(job, key);
    let bucket = byName.get(name);
    if (bucket === undefined) {
      bucket = { key, jobs: [], told: null };
      byName.set(name, bucket);
    }
    return bucket;
  };
  for (const job of pending) enter(job).jobs.push(job);
  for (const { jobs } of byName.values()) if (!inOrder(jobs)) jobs.sort(comparePending);
  return {
    all: () => byName.values(),
    promised: () => promised,
    add: (job) => {
      const { jobs, told } = enter(job);
      const place = placeAfter(jobs, job);
      jobs.splice(place, 0, job);
      if (told !== null && place < told.each.length) told.each.splice(place, 0, undefined);
    },
    remove: (job) => {
      promised.delete(job);
      const { jobs, told } = bucketOf(job);
      const place = placeAfter(jobs, job) - 1;
      jobs.splice(place, 1);
      if (told !== null && place < told.each.length) told.each.splice(place, 1);
      if (jobs.length === 0) byName.delete(nameOf(job, keyOf(job)));
    },
  };
}

/** Gives every job of the bucket from `start` on the same reason. */
export function tellRest(bucket: JobBucket, start: number, { kind, reason }: Omit<PendingReason, "jobId">, into: PendingReason[]): void {
  if (bucket.told === null || bucket.told.kind !== kind || bucket.told.reason !== reason) bucket.told = { kind, reason, each: [] };
  const { each } = bucket.told;
  for (let place = start; place < bucket.jobs.length; place += 1) {
    each[place] ??= { jobId: bucket.jobs[place]?.id ?? "", kind, reason };
    into.push(each[place] as PendingReason);
  }
}

function inOrder(jobs: readonly PendingJob[]): boolean {
  return jobs.every((job, place) => place === 0 || comparePending(jobs[place - 1] as PendingJob, job) <= 0);
}

/** Behind all that come before it and all that are its equals. */
function placeAfter(jobs: readonly PendingJob[], job: PendingJob): number {
  let [low, high] = [0, jobs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = jobs[middle];
    if (other !== undefined && comparePending(other, job) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
