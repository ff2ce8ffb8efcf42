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
  /** To be booked on: every node that has room, and for a job with topology rules all others too. */
  all(): FreeNode[];
}

/** What the nodes that a job may use have room for before anybody leaves: counted once for many futures. */
export interface PresentRoom {
  request: Request;
  entries(): readonly FreeNode[];
  /** Those of the entries that have room for a replica. */
  roomy: readonly FreeNode[];
  /** Of the entries, those that could run a replica if they were empty: nobody's leaving matters on the others. */
  isMember(entry: FreeNode): boolean;
  /** Replicas by position; 0 or undefined for those without room. */
  rooms: readonly number[] | Float64Array;
  total: number;
  /** Knows every one of the entries, and perhaps more. */
  byId: Pick<FutureNodes, "get">;
}

/** By a walk over the entries. `byId` knows every one of them, and perhaps more. */
export function presentRoom(entries: readonly FreeNode[], byId: Pick<FutureNodes, "get">, request: Request): PresentRoom {
  const size = 1 + entries.reduce((most, { position }) => Math.max(most, position), -1);
  const members = new Uint8Array(size);
  const rooms = new Float64Array(size);
  const roomy: FreeNode[] = [];
  let total = 0;
  for (const entry of entries) {
    if (!mayServe(entry, request)) continue;
    members[entry.position] = 1;
    const room = replicasThatFit(entry, request, request.replicas);
    if (room === 0) continue;
    rooms[entry.position] = room;
    roomy.push(entry);
    total += room;
  }
  return { request, entries: () => entries, roomy, isMember: ({ position }) => members[position] === 1, rooms, total, byId };
}

/** A node that jobs have left: `leaving` are those not yet taken off the copy, for as long as they cannot change its room. */
interface LeftNode {
  copy: FreeNode;
  leaving: ActiveJob[];
  /** At least as many GPUs as are free with all of them gone. */
  gpus: number;
  room: number;
}

/** Begins with nobody gone; the present is shared by all futures and not changed. */
export function futureRoom({ entries, roomy, request, isMember, rooms, total: present, byId }: PresentRoom): FutureRoom {
  const left = new Map<string, LeftNode>();
  const { gpus: asked } = request.resources;
  const byGpus = request.units === "gpus" && asked > 0;
  const { sameLabel = null, spreadLabel = null } = request.job.rules ?? {};
  const hasTopology = sameLabel !== null || spreadLabel !== null;
  let total = present;
  const leftNode = (nodeId: string): LeftNode | undefined => {
    const known = left.get(nodeId);
    if (known !== undefined) return known;
    const entry = byId.get(nodeId);
    if (entry === undefined || !isMember(entry)) return undefined;
    const made = { copy: copyNode(entry), leaving: [], gpus: entry.gpus.length, room: rooms[entry.position] ?? 0 };
    left.set(nodeId, made);
    return made;
  };
  const settled = (node: LeftNode): FreeNode => {
    for (const job of node.leaving) giveBack({ get: (nodeId) => (nodeId === node.copy.node.id ? node.copy : undefined) }, job);
    node.leaving = [];
    return node.copy;
  };
  const later = (entry: FreeNode): FreeNode => {
    const node = left.get(entry.node.id);
    return node === undefined ? copyNode(entry) : settled(node);
  };
  const all = () => {
    if (hasTopology) return entries().map(later);
    const came = [...left.values()].filter(({ copy, room }) => room > 0 && (rooms[copy.position] ?? 0) === 0);
    return [...roomy.map(later), ...came.map(settled)];
  };
  const recount = (node: LeftNode) => {
    const room = replicasThatFit(settled(node), request, request.replicas);
    total += room - node.room;
    node.room = room;
  };
  return {
    get: (nodeId) => {
      const node = left.get(nodeId);
      if (node !== undefined) return settled(node);
      const entry = byId.get(nodeId);
      return entry !== undefined && isMember(entry) ? entry : undefined;
    },
    leave: (job) => {
      for (const { nodeId, gpuUuids } of job.assignments) {
        const node = leftNode(nodeId);
        if (node === undefined) continue;
        node.gpus += gpuUuids.length;
        // What a gang has on one node is given back at once.
        if (node.leaving.at(-1) !== job) node.leaving.push(job);
      }
      for (const { nodeId } of job.assignments) {
        const node = left.get(nodeId);
        if (node !== undefined && node.leaving.length > 0 && (!byGpus || Math.floor(node.gpus / asked) > node.room)) recount(node);
      }
    },
    fits: () => total >= request.minReplicas && (!hasTopology || gangFits(all(), request)),
    all,
  };
}
