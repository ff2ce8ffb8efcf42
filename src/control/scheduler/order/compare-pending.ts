import type { PendingJob } from "../snapshot.ts";

/** Queue order: priority (highest first), then age, then id (ids are numbers; the shorter is the older). */
export function comparePending(left: PendingJob, right: PendingJob): number {
  return (
    right.priority - left.priority ||
    left.queuedAt - right.queuedAt ||
    left.id.length - right.id.length ||
    (left.id < right.id ? -1 : left.id > right.id ? 1 : 0)
  );
}
