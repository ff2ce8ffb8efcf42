import type { PendingJob } from "../snapshot.ts";
import { comparePending } from "./compare-pending.ts";
import type { ServicePolicy } from "./queueing-policy.ts";

/** True when the job has waited so long for its first run that it goes before all others of its priority. */
export function firstRunIsDue(job: PendingJob, { firstRunAfterMs }: ServicePolicy, now: number): boolean {
  return job.hasRun !== true && now - job.queuedAt >= firstRunAfterMs;
}

/** Priority; first runs that are due, oldest first; service index, highest first; age. */
export function compareByService(policy: ServicePolicy, now: number) {
  return (left: PendingJob, right: PendingJob): number => {
    if (left.priority !== right.priority) return right.priority - left.priority;
    const [leftDue, rightDue] = [firstRunIsDue(left, policy, now), firstRunIsDue(right, policy, now)];
    if (leftDue !== rightDue) return leftDue ? -1 : 1;
    const index = leftDue ? 0 : (right.serviceIndex ?? 0) - (left.serviceIndex ?? 0);
    return index || comparePending(left, right);
  };
}
