import { gangFits } from "../feasible/fit-gang.ts";
import type { FreeNode } from "../feasible/free-capacity.ts";
import { mayServe, replicasThatFit } from "../feasible/replica-fit.ts";
import type { Request } from "../feasible/request.ts";
import type { ActiveJob } from "../snapshot.ts";
import { copyNode, type FutureNodes, giveBack } from "./give-back.ts";

/** The nodes as they would be without some running jobs, in the time of the nodes that those jobs are on. */
export interface FutureRoom {
  /** The node as it is now; undefined when it is not among the entries, or could not run a replica. */
  get(nodeId: string): FreeNode | undefined;
  /** Takes one more job away. */
  leave(job: ActiveJob): void;
  /** Whether the gang fits now. */
  fits(): boolean;
  /** To be booked on. */
  all(): FreeNode[];
}

/** What the entries have room for before anybody leaves: counted once for many futures. */
export interface PresentRoom {
  entries: readonly FreeNode[];
  request: Request;
  /** By position, 1 for those that could run a replica if they were empty: nobody's leaving matters on the others. */
  members: Uint8Array;
  /** Replicas by position. */
  rooms: Float64Array;
  total: number;
  byId: Pick<FutureNodes, "get">;
}

/** `byId` knows every one of the entries, and perhaps more. */
export function presentRoom(entries: readonly FreeNode[], byId: Pick<FutureNodes, "get">, request: Request): PresentRoom {
  const size = 1 + entries.reduce((most, { position }) => Math.max(most, position), -1);
  const members = new Uint8Array(size);
  const rooms = new Float64Array(size);
  let total = 0;
  for (const entry of entries) {
    if (!mayServe(entry, request)) continue;
    const room = replicasThatFit(entry, request, request.replicas);
    members[entry.position] = 1;
    rooms[entry.position] = room;
    total += room;
  }
  return { entries, request, members, rooms, total, byId };
}

/** Begins with nobody gone; the present is shared by all futures and not changed. */
export function futureRoom({ entries, request, members, rooms, total: present, byId }: PresentRoom): FutureRoom {
  const copies = new Map<string, FreeNode>();
  const futures: number[] = [];
  let total = present;
  const get = (nodeId: string): FreeNode | undefined => {
    const copy = copies.get(nodeId);
    if (copy !== undefined) return copy;
    const entry = byId.get(nodeId);
    return entry !== undefined && members[entry.position] === 1 ? entry : undefined;
  };
  const copied = (nodeId: string): FreeNode | undefined => {
    const entry = get(nodeId);
    if (entry === undefined || copies.has(nodeId)) return entry;
    const copy = copyNode(entry);
    copies.set(nodeId, copy);
    return copy;
  };
  const all = () => entries.map((entry) => copies.get(entry.node.id) ?? copyNode(entry));
  return {
    get,
    leave: (job) => {
      giveBack({ get: copied }, job);
      for (const { nodeId } of job.assignments) {
        const entry = copies.get(nodeId);
        if (entry === undefined) continue;
        const room = replicasThatFit(entry, request, request.replicas);
        total += room - (futures[entry.position] ?? rooms[entry.position] ?? 0);
        futures[entry.position] = room;
      }
    },
    fits: () => {
      if (total < request.minReplicas) return false;
      const { sameLabel = null, spreadLabel = null } = request.job.rules ?? {};
      if (sameLabel === null && spreadLabel === null) return true;
      return gangFits(all(), request);
    },
    all,
  };
}
