import type { FreeNode } from "../feasible/free-capacity.ts";
import { replicasThatFit } from "../feasible/replica-fit.ts";
import type { Request } from "../feasible/request.ts";
import { copyNode, giveBack } from "../preempt/give-back.ts";
import type { ActiveJob } from "../snapshot.ts";

/** From this moment on, milliseconds since the Unix epoch, the node at the position has room for so many replicas. */
export interface ComingRoom {
  at: number;
  position: number;
  room: number;
}

/**
 * When the node gets more room for the request, as the jobs on it reach their time limits, the soonest first. `ending` are
 * the jobs on it that have one, the first to end first.
 */
export function comingRoom(entry: FreeNode, request: Request, ending: readonly ActiveJob[]): ComingRoom[] {
  const coming: ComingRoom[] = [];
  const node = copyNode(entry);
  const { gpus } = request.resources;
  const least = request.units === "gpus" ? gpus : 0;
  let room = replicasThatFit(node, request, request.replicas);
  for (const [place, job] of ending.entries()) {
    leaveNode(node, job);
    // Jobs that end together make room together.
    if (ending[place + 1]?.endsAt === job.endsAt || node.gpus.length < (room + 1) * least) continue;
    const after = replicasThatFit(node, request, request.replicas);
    if (after !== room) coming.push({ at: job.endsAt ?? 0, position: entry.position, room: after });
    room = after;
  }
  return coming;
}

/** The soonest first. */
export function compareComing(one: ComingRoom, other: ComingRoom): number {
  return one.at - other.at || one.position - other.position;
}

/** The node as it is when all that end by then have ended. */
export function nodeAt(entry: FreeNode, ending: readonly ActiveJob[], at: number): FreeNode {
  const node = copyNode(entry);
  for (const job of ending) if ((job.endsAt ?? 0) <= at) leaveNode(node, job);
  return node;
}

function leaveNode(node: FreeNode, job: ActiveJob): void {
  giveBack({ get: (nodeId) => (nodeId === node.node.id ? node : undefined) }, job);
}
