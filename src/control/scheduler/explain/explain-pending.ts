import { gangFits } from "../feasible/fit-gang.ts";
import type { Pass, RequestClass } from "../pass.ts";
import type { PendingJob } from "../snapshot.ts";
import { explainCannotEver } from "./cannot-ever.ts";
import { explainAbsentNodes, explainHeldBack, explainNoRoom } from "./no-room.ts";

/** Jobs so far back get a coarse reason: a precise one would be rewritten at every change of the jobs before them. */
const PRECISE_REASONS = 100;

/** The first of these that is true: it can never run; its nodes are away; its nodes are held for another; no room now. */
export function explainPending(pass: Pass, request: RequestClass, job: PendingJob, position: number): string {
  request.hopeless ??= hopeless(pass, request) ?? null;
  if (request.hopeless !== null) return request.hopeless;
  if (position >= PRECISE_REASONS) return `behind more than ${PRECISE_REASONS} jobs of the same or higher priority`;
  if (pass.held.size > 0 && gangFits(request.admitted, request)) return explainHeldBack([...pass.held.values()]);
  return explainNoRoom(request.admitted, request, job, pass.waiting);
}

/** The text for all jobs that ask this, when no empty cluster of the ready nodes could run one; else null. */
function hopeless(pass: Pass, request: RequestClass): string | null {
  if (gangFits(pass.emptyNodes(request, "ready"), request)) return null;
  const all = pass.emptyNodes(request, "all");
  return gangFits(all, request) ? explainAbsentNodes(all, request) : explainCannotEver(pass.everything(), all, request);
}
