import { indexCandidates } from "../place/candidate-index.ts";
import { placeGang } from "../place/place-gang.ts";
import { futureRoom, type PresentRoom } from "../preempt/future-room.ts";
import type { ActiveJob, PendingJob } from "../snapshot.ts";

/** The nodes a waiting job will start on, and when at the latest. */
export interface Reservation {
  jobId: string;
  nodeIds: string[];
  /** Milliseconds since the Unix epoch. */
  startsAt: number;
}

/**
 * The earliest moment the gang fits, when every running job ends at its time limit at the latest; null when that never
 * makes room (`ends` are the running jobs with a limit, the first to end first; a job without a limit may run for ever).
 * `present` is of the nodes it may use that no job before it has reserved, so reservations never count on the same node twice.
 */
export function reserve(present: PresentRoom, job: PendingJob, ends: readonly ActiveJob[], now: number): Reservation | null {
  const { request } = present;
  const future = futureRoom(present);
  for (const [place, end] of ends.entries()) {
    future.leave(end);
    // Jobs that end together make room together.
    if (ends[place + 1]?.endsAt === end.endsAt || !future.fits()) continue;
    const all = future.all();
    const assignments =
      placeGang(
        () => all,
        () => indexCandidates(all, request, []),
        request,
        job.id,
        [],
      ) ?? [];
    return { jobId: job.id, nodeIds: [...new Set(assignments.map(({ nodeId }) => nodeId))], startsAt: Math.max(now, end.endsAt ?? now) };
  }
  return null;
}
