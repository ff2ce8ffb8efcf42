import type { ClusterSnapshot, PendingJob } from "../snapshot.ts";

/** What tells pending jobs apart under a policy, beside what they ask. */
export interface BucketNaming {
  /** Equal for namings that give equal names. */
  id: string;
  prefixOf(job: PendingJob): string;
}

/** Under fair share a project's jobs have an order of their own, and a user's where users have limits; by service, those of one index. */
export function bucketNaming({ queueing, projects = [] }: Pick<ClusterSnapshot, "queueing" | "projects">): BucketNaming {
  if (queueing?.kind === "service") {
    return { id: "service", prefixOf: (job) => `${common(job)} ${job.serviceIndex ?? ""} ${job.hasRun ?? ""}` };
  }
  if (projects.length === 0) return { id: "plain", prefixOf: common };
  const usersHaveLimits = projects.some(({ limits }) => limits.gpusPerUser !== null || limits.jobsPerUser !== null);
  if (usersHaveLimits) return { id: "users", prefixOf: (job) => `${common(job)} ${job.project ?? ""} ${job.user ?? ""}` };
  return { id: "projects", prefixOf: (job) => `${common(job)} ${job.project ?? ""}` };
}

/** Whom room was promised, or who is on the move, is one of a kind: others' fate says nothing of it. */
function common({ id, priority, timeLimitMs, promise, movedAt }: PendingJob): string {
  const own = promise === undefined && movedAt === undefined ? "" : id;
  return `${priority} ${timeLimitMs ?? ""} ${own}`;
}
