import { groupsOf } from "../feasible/fit-gang.ts";
import type { FreeNode } from "../feasible/free-capacity.ts";
import { replicasThatFit } from "../feasible/replica-fit.ts";
import type { Request } from "../feasible/request.ts";

/**
 * The room that a gang lacks, where its rules want it: "the 'rack' with the most room, r1, has room for 2" of one that must
 * stay together, "'rack' r2 has room for 1" of one that is spread, else `all` with the sum over the nodes.
 */
export function gangRoom(entries: readonly FreeNode[], request: Request, all: string): string {
  const { sameLabel = null, spreadLabel = null } = request.job.rules ?? {};
  if (sameLabel !== null) {
    const [most] = roomOfEach(entries, sameLabel, request).sort((left, right) => right.room - left.room);
    if (most !== undefined) return `the '${sameLabel}' with the most room, ${most.value}, has room for ${most.room}`;
  } else if (spreadLabel !== null) {
    const [least] = roomOfEach(entries, spreadLabel, request).sort((left, right) => left.room - right.room);
    if (least !== undefined) return `'${spreadLabel}' ${least.value} has room for ${least.room}`;
  }
  return `${all} room for ${roomIn(entries, request)}`;
}

function roomOfEach(entries: readonly FreeNode[], label: string, request: Request): { value: string; room: number }[] {
  return [...groupsOf(entries, label)].map(([value, group]) => ({ value, room: roomIn(group, request) }));
}

function roomIn(entries: readonly FreeNode[], request: Request): number {
  return entries.reduce((sum, entry) => sum + replicasThatFit(entry, request, request.replicas), 0);
}
