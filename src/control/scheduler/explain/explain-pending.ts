import { gangFits } from "../feasible/fit-gang.ts";
import type { Pass, RequestClass } from "../pass.ts";
import type { PendingJob, PendingReason } from "../snapshot.ts";
import { explainCannotEver } from "./cannot-ever.ts";
import { explainAbsentNodes, explainHeldBack, explainNoRoom, queueText } from "./no-room.ts";

/** The first of these that is true: it can never run; its nodes are away; its nodes are held for another; no room now. */
export function explainPending(pass: Pass, request: RequestClass, job: PendingJob, position: number): PendingReason {
  if (request.hopeless === undefined) request.hopeless = hopeless(pass, request);
  if (request.hopeless !== null) return { jobId: job.id, ...request.hopeless };
  if (position >= pass.precise) return { jobId: job.id, kind: "behind-others", reason: pass.behind };
  if (pass.held.size > 0 && gangFits(pass.worthATry(request), request))
    return { jobId: job.id, kind: "held-back", reason: explainHeldBack([...pass.held.values()]) };
  return { jobId: job.id, kind: "no-room", reason: noRoom(pass, request) + queueText(job, pass.waiting) };
}

function noRoom(pass: Pass, request: RequestClass): string {
  if (request.noRoom?.at !== pass.changed.length)
    request.noRoom = { text: explainNoRoom(pass.worthATry(request), request, pass.serversOf(request)), at: pass.changed.length };
  return request.noRoom.text;
}

/** For all jobs that ask this, when no empty cluster of the ready nodes could run one; else null. */
function hopeless(pass: Pass, request: RequestClass): Omit<PendingReason, "jobId"> | null {
  if (gangFits(pass.emptyNodes(request, "ready"), request)) return null;
  const all = pass.emptyNodes(request, "all");
  if (gangFits(all, request)) return { kind: "nodes-absent", reason: explainAbsentNodes(all, request) };
  return { kind: "never-fits", reason: explainCannotEver(pass.everything(), all, request) };
}
