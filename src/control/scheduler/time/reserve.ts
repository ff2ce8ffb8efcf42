import type { FreeNode } from "../feasible/free-capacity.ts";
import type { Request } from "../feasible/request.ts";
import { indexCandidates } from "../place/candidate-index.ts";
import { placeGang } from "../place/place-gang.ts";
import { futureRoom, type PresentRoom } from "../preempt/future-room.ts";
import type { ActiveJob, PendingJob } from "../snapshot.ts";
import { type ComingRoom, comingRoom, compareComing, nodeAt } from "./coming-room.ts";

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
    return reservation(future.all(), request, job, Math.max(now, end.endsAt ?? now));
  }
  return null;
}

/** What is known of the ends of running jobs from the cycles before. */
export interface KnownEnds {
  /** The room that comes to every node which the job's rules admit, as if nobody were placed in this pass; the soonest first. */
  coming: readonly ComingRoom[];
  /** The nodes that somebody was placed on since. */
  booked: ReadonlySet<FreeNode>;
  /** By position. */
  nodes: readonly FreeNode[];
  endingOn(nodeId: string): readonly ActiveJob[];
}

/**
 * As `reserve`, from the room that is known to come, node by node: in the time of the nodes that get some, not of all running
 * jobs. Undefined where it cannot tell: topology rules ask for more than room, and who has room enough now waits for no room.
 */
export function reserveFromKnown(present: PresentRoom, known: KnownEnds, job: PendingJob, now: number): Reservation | null | undefined {
  const { request } = present;
  const { sameLabel = null, spreadLabel = null } = request.job.rules ?? {};
  if (sameLabel !== null || spreadLabel !== null || present.total >= request.minReplicas) return undefined;
  const rooms = new Map<FreeNode, number>(present.roomy.map((entry) => [entry, present.rooms[entry.position] ?? 0]));
  let total = present.total;
  const coming = comingTo(present, known);
  for (const [place, { at, position, room }] of coming.entries()) {
    const entry = known.nodes[position];
    if (entry !== undefined && present.isMember(entry)) {
      total += room - (rooms.get(entry) ?? 0);
      rooms.set(entry, room);
    }
    if (coming[place + 1]?.at === at || total < request.minReplicas) continue;
    const nodes = [...rooms.keys()].map((one) => nodeAt(one, known.endingOn(one.node.id), at));
    return reservation(nodes, request, job, Math.max(now, at));
  }
  return null;
}

function comingTo({ request, isMember }: PresentRoom, { coming, booked, endingOn }: KnownEnds): readonly ComingRoom[] {
  if (booked.size === 0) return coming;
  const taken = new Set([...booked].map(({ position }) => position));
  const own = [...booked].filter(isMember).flatMap((entry) => comingRoom(entry, request, endingOn(entry.node.id)));
  return [...coming.filter(({ position }) => !taken.has(position)), ...own].sort(compareComing);
}

function reservation(nodes: readonly FreeNode[], request: Request, job: PendingJob, startsAt: number): Reservation {
  const assignments =
    placeGang(
      () => nodes,
      () => indexCandidates(nodes, request, []),
      request,
      job.id,
      [],
    ) ?? [];
  return { jobId: job.id, nodeIds: [...new Set(assignments.map(({ nodeId }) => nodeId))], startsAt };
}
