import type { ReplicaEntry } from "../replica-entry.ts";
import type { StepContext } from "./context.ts";

/** Moves the deadline at which the lease guard kills. `deadlineMs`: boot-time milliseconds. */
export async function renewLease(context: StepContext, entry: ReplicaEntry, deadlineMs: number): Promise<void> {
  const before = entry.leaseDeadlineMs;
  // Taken as done until it fails, so that looks during a slow write do not begin it again.
  entry.leaseDeadlineMs = deadlineMs;
  try {
    await context.engine.renewLease(entry.containerId, deadlineMs);
  } catch (error) {
    if (entry.leaseDeadlineMs === deadlineMs) entry.leaseDeadlineMs = before;
    // It ended meanwhile: there is nothing left to hold.
    if (context.engine.get(entry.containerId)?.state !== "running") return;
    throw error;
  }
}
