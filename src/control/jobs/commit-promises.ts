import { BerthError } from "../../shared/domain/index.ts";
import type { Plan } from "../scheduler/index.ts";
import type { JobStore, RowChange } from "./job-store.ts";
import type { LiveView } from "./live-queue.ts";
import { applyEvent } from "./transition.ts";

/**
 * Writes the promises that are new or over into the rows. Before anybody is asked to stop: should this process end in
 * between, a promise without victims does no harm (the next pass finds that it cannot be kept), victims without a promise
 * might stop for nothing.
 * @returns the jobs that changed in between: nobody must stop for them
 */
export async function commitPromises(store: JobStore, view: LiveView, plan: Plan, now: number): Promise<ReadonlySet<string>> {
  const promises = new Map(plan.promises.map(({ jobId, ...promise }) => [jobId, promise]));
  const placed = new Set(plan.placements.map(({ jobId }) => jobId));
  const concerned = view.pending.filter(({ id, promise }) => !placed.has(id) && (promise !== undefined || promises.has(id)));
  const changes = concerned.flatMap((previous): RowChange[] => {
    const transition = applyEvent(previous, { type: "room-promised", promise: promises.get(previous.id) ?? null }, now);
    return transition.job === previous ? [] : [{ previous, transition }];
  });
  const refused = new Set<string>();
  for (const [place, result] of (await store.commitAll(changes, now)).entries()) {
    if (!(result instanceof BerthError)) continue;
    if (result.code !== "conflict" && result.code !== "job_not_found") throw result;
    refused.add(changes[place]?.previous.id ?? "");
  }
  return refused;
}
