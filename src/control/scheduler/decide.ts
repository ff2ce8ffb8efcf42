import type { Assignment } from "../../shared/domain/index.ts";
import { explainPending } from "./explain/explain-pending.ts";
import { comparePending } from "./order/compare-pending.ts";
import { type Pass, type RequestClass, startPass } from "./pass.ts";
import { placeGang } from "./place/place-gang.ts";
import type { ClusterSnapshot, PendingJob, Plan } from "./snapshot.ts";

/** A job that waited this long holds back those behind it. */
export const HOLD_BACK_AFTER_MS = 10 * 60_000;

/**
 * One scheduling pass. Pure: the same snapshot and time give the same plan.
 *
 * The rule: strict order (priority, then age), and a job that does not fit now is skipped, so smaller ones behind it may
 * start: GPUs never idle for order's sake. Skipping alone would let a stream of small jobs starve a large gang for ever,
 * so a job that has waited HOLD_BACK_AFTER_MS holds every ready node it could ever use: jobs behind it are no longer placed
 * there, the nodes drain and the gang starts. Known cost: held GPUs idle while the last jobs on them finish. Backfill
 * with reservations (letting jobs with a time limit run in that gap) is the planned refinement.
 */
export function decide(snapshot: ClusterSnapshot, now: number): Plan {
  const plan: Plan = { placements: [], reasons: [] };
  const pass = startPass(snapshot);
  [...snapshot.pending].sort(comparePending).forEach((job, position) => {
    const request = pass.classOf(job);
    const assignments = tryToPlace(pass, request, job);
    if (assignments !== null) {
      plan.placements.push({ jobId: job.id, assignments });
      return;
    }
    plan.reasons.push(explainPending(pass, request, job, position));
    pass.skipped(job, request);
    if (now - job.queuedAt >= HOLD_BACK_AFTER_MS) pass.holdFor(job, request);
  });
  return plan;
}

function tryToPlace(pass: Pass, request: RequestClass, job: PendingJob): Assignment[] | null {
  if (request.failed) return null;
  const assignments = placeGang(pass.openNodes(request), () => pass.indexOf(request), request, job.id, pass.changed);
  request.failed = assignments === null;
  return assignments;
}
