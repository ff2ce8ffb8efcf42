import { BerthError, isBerthError, type Job } from "../../shared/domain/index.ts";
import type { PendingReason, Placement, Preemption, PreemptionKind } from "../scheduler/index.ts";
import type { JobStore, RowChange } from "./job-store.ts";
import type { LiveView } from "./live-queue.ts";
import { applyEvent } from "./transition.ts";

/** What the loop needs of a logger (pino fits). */
export interface LoopLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Reasons written a pass; the rest follow in the next ones. */
const REASONS_A_PASS = 500;

/**
 * All under the revision of the snapshot: none is written when somebody else has placed in between. What was cancelled or
 * has changed meanwhile is refused by itself; the rest of the plan holds, for it only needs less.
 * @returns the rows placed, and "id version" of those refused: the next pass starts from what is true then
 */
export async function commitPlacements(
  store: JobStore,
  view: LiveView,
  placements: readonly Placement[],
  now: number,
  log: LoopLog | undefined,
) {
  const changes = placements.flatMap(({ jobId, assignments }): RowChange[] => {
    const previous = view.get(jobId);
    return previous === undefined ? [] : [{ previous, transition: applyEvent(previous, { type: "placed", assignments }, now) }];
  });
  const placed: Job[] = [];
  const refused = new Set<string>();
  for (const [place, result] of (await store.commitAll(changes, now, view.revision)).entries()) {
    const previous = changes[place]?.previous;
    if (!(result instanceof BerthError)) placed.push(result);
    else if (previous !== undefined) {
      if (result.code !== "conflict" && result.code !== "job_not_found") throw result;
      refused.add(`${previous.id} ${previous.version}`);
      log?.info({ jobId: previous.id, reason: result.message }, "placement refused");
    }
  }
  return { placed, refused };
}

/** Only the attempt the plan saw is stopped: what has ended or changed in between is left alone. */
export async function commitPreemptions(
  store: JobStore,
  view: LiveView,
  preemptions: readonly Preemption[],
  now: number,
  { log, onPreempted }: { log?: LoopLog; onPreempted?: (kind: PreemptionKind) => void },
) {
  const stopped: Job[] = [];
  for (const { jobId, reason, kind } of preemptions) {
    const job = view.get(jobId);
    if (job?.attempt == null) continue;
    const transition = applyEvent(
      job,
      { type: "preempted", epoch: job.attempt.epoch, why: reason, ...(kind === "move" ? { moves: true } : {}) },
      now,
    );
    if (transition.job === job) continue;
    try {
      stopped.push(await store.commit(job, transition, now));
      log?.info({ jobId, reason, kind }, "job preempted");
      onPreempted?.(kind);
    } catch (error) {
      if (!isBerthError(error, "conflict")) throw error;
    }
  }
  return stopped;
}

/** The reasons that are new, as many as one pass writes. @returns how many were written: a row that changed meanwhile gets its own in the next pass */
export async function writeReasons(store: JobStore, view: LiveView, reasons: readonly PendingReason[], now: number): Promise<number> {
  const changes: RowChange[] = [];
  for (const { jobId, reason } of reasons) {
    if (changes.length === REASONS_A_PASS) break;
    const previous = view.get(jobId);
    if (previous === undefined || previous.pendingReason === reason) continue;
    const transition = applyEvent(previous, { type: "pending-reason", reason }, now);
    if (transition.job !== previous) changes.push({ previous, transition });
  }
  const results = await store.commitAll(changes, now);
  return results.filter((result) => !(result instanceof BerthError)).length;
}
