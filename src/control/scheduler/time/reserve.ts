import { gangFits } from "../feasible/fit-gang.ts";
import type { FreeNode } from "../feasible/free-capacity.ts";
import { replicasThatFit } from "../feasible/replica-fit.ts";
import type { Request } from "../feasible/request.ts";
import { indexCandidates } from "../place/candidate-index.ts";
import { placeGang } from "../place/place-gang.ts";
import { copyWhenTouched, type FutureNodes, giveBack } from "../preempt/give-back.ts";
import type { ActiveJob, PendingJob } from "../snapshot.ts";

/** The nodes a waiting job will start on, and when at the latest. */
export interface Reservation {
  jobId: string;
  nodeIds: string[];
  /** Milliseconds since the Unix epoch. */
  startsAt: number;
}

/** A running job with a time limit. */
export type Ending = ActiveJob & { endsAt: number };

/** Those of the jobs that surely end, the first to end first. */
export function endings(active: readonly ActiveJob[]): Ending[] {
  return active
    .filter((job): job is Ending => job.endsAt !== undefined)
    .sort((one, other) => one.endsAt - other.endsAt || (one.id < other.id ? -1 : 1));
}

/**
 * The earliest moment the gang fits, when every running job ends at its time limit at the latest; null when that never
 * makes room (a job without a limit may run for ever). `entries` are the nodes it may use that no job before it has
 * reserved, so reservations never count on the same node twice.
 */
export function reserve(
  entries: readonly FreeNode[],
  request: Request,
  job: PendingJob,
  ends: readonly Ending[],
  now: number,
): Reservation | null {
  if (ends.length === 0) return null;
  const nodes = copyWhenTouched(entries);
  const room = countRoom(entries, nodes, request);
  for (const [place, end] of ends.entries()) {
    giveBack(nodes, end);
    room.update(end);
    // Jobs that end together make room together.
    if (ends[place + 1]?.endsAt === end.endsAt || room.replicas() < request.minReplicas) continue;
    const all = nodes.all();
    if (!gangFits(all, request)) continue;
    const assignments = placeGang(all, () => indexCandidates(all, request, []), request, job.id, []) ?? [];
    return { jobId: job.id, nodeIds: [...new Set(assignments.map(({ nodeId }) => nodeId))], startsAt: Math.max(now, end.endsAt) };
  }
  return null;
}

/** How many replicas fit, kept up to date by the nodes that change: whether the gang fits is only asked when they suffice. */
function countRoom(entries: readonly FreeNode[], nodes: Pick<FutureNodes, "get">, request: Request) {
  const roomOf = (entry: FreeNode) => replicasThatFit(entry, request, request.replicas);
  const rooms = new Map(entries.map((entry) => [entry.node.id, roomOf(entry)]));
  let total = [...rooms.values()].reduce((sum, one) => sum + one, 0);
  return {
    replicas: () => total,
    update: ({ assignments }: ActiveJob) => {
      for (const { nodeId } of assignments) {
        const entry = nodes.get(nodeId);
        if (entry === undefined) continue;
        const room = roomOf(entry);
        total += room - (rooms.get(nodeId) ?? 0);
        rooms.set(nodeId, room);
      }
    },
  };
}
