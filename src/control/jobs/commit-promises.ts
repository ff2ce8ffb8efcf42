import { isBerthError, type Job } from "../../shared/domain/index.ts";
import type { Plan } from "../scheduler/index.ts";
import type { JobStore } from "./job-store.ts";
import { applyEvent } from "./transition.ts";

export interface CommittedPromises {
  /** The pending rows as they are now. */
  pending: Job[];
  /** Jobs that changed in between: nobody must stop for them. */
  refused: ReadonlySet<string>;
}

/**
 * Writes the promises that are new or over into the rows. Before anybody is asked to stop: should this process end in
 * between, a promise without victims does no harm (the next pass finds that it cannot be kept), victims without a promise
 * might stop for nothing.
 */
export async function commitPromises(store: JobStore, pending: readonly Job[], plan: Plan, now: number): Promise<CommittedPromises> {
  const promises = new Map(plan.promises.map(({ jobId, ...promise }) => [jobId, promise]));
  const placed = new Set(plan.placements.map(({ jobId }) => jobId));
  const refused = new Set<string>();
  const rows = pending.map(async (job) => {
    if (placed.has(job.id)) return job;
    const transition = applyEvent(job, { type: "room-promised", promise: promises.get(job.id) ?? null }, now);
    if (transition.job === job) return job;
    try {
      return await store.commit(job, transition, now);
    } catch (error) {
      if (!isBerthError(error, "conflict")) throw error;
      refused.add(job.id);
      return job;
    }
  });
  return { pending: await Promise.all(rows), refused };
}
