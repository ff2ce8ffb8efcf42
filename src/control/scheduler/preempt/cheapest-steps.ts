import type { FreeNode } from "../feasible/free-capacity.ts";
import { replicasThatFit } from "../feasible/replica-fit.ts";
import type { Request } from "../feasible/request.ts";
import { createHeap } from "../place/heap.ts";
import type { FutureRoom, PresentRoom } from "./future-room.ts";
import { copyNode, giveBack } from "./give-back.ts";
import { type NodeVictims, type Victim, type VictimSearch, victimsLeft } from "./victims-by-node.ts";

/** The victims of one node that give room for one replica more, over all nodes the cheapest. */
export interface CheapestSteps {
  /** False when all victims together would not make enough room. */
  mayDo(): boolean;
  /** Takes the cheapest; null when no node has one. */
  next(): Victim[] | null;
  /** To be told whom a step has taken: their nodes are looked at again. */
  renew(gone: readonly Victim[]): void;
}

/** A bound below what a step on this node costs; the victims, and the true cost, once it is the least of all bounds. */
interface NodeStep {
  nodeId: string;
  /** The first of equals is taken. */
  position: number;
  cost: number;
  /** Who may be chosen here, the cheapest first. */
  here: readonly Victim[];
  victims: Victim[] | null;
}

/** Bounds are products where costs are sums: they must not come out above them by the last bits of a double. */
const ROUNDING = 1 - 1e-9;

/** A node's own step is only sought when no other node can have a cheaper one: most nodes are never looked at closely. */
export function cheapestSteps(
  { victims, allowed, strength }: VictimSearch,
  { entries, isMember, rooms, request }: PresentRoom,
  future: FutureRoom,
  chosen: ReadonlySet<Victim>,
): CheapestSteps {
  const mayGo = (victim: Victim) => !victim.gone && allowed(victim.job) && !chosen.has(victim);
  const leftAt = (position: number): NodeVictims | null => {
    const all = victims[position];
    return all === undefined || all.resists > strength ? null : victimsLeft(all, mayGo);
  };
  const boundOf = (entry: FreeNode, left: NodeVictims | null, room: number): NodeStep | undefined => {
    const cost = left === null ? null : costAtLeast(entry, request, left, room);
    if (left === null || cost === null) return undefined;
    return { nodeId: entry.node.id, position: entry.position, cost, here: left.victims, victims: null };
  };
  /** By position. */
  const latest: (NodeStep | undefined)[] = [];
  let possible = 0;
  const found: NodeStep[] = [];
  for (const entry of entries()) {
    const { position } = entry;
    if (!isMember(entry)) continue;
    const left = leftAt(position);
    possible += replicasAtMost(entry, request, left?.units ?? 0);
    const step = boundOf(entry, left, rooms[position] ?? 0);
    if (step === undefined) continue;
    latest[position] = step;
    found.push(step);
  }
  const enough = possible >= request.minReplicas;
  const heap = createHeap(
    enough ? found : [],
    (one, other) => one.cost < other.cost || (one.cost === other.cost && one.position < other.position),
  );
  const exactly = (step: NodeStep): NodeStep | null => {
    const entry = future.get(step.nodeId);
    const exact = entry === undefined ? null : stepOn(entry, request, step.here);
    return exact === null ? null : { ...step, ...exact };
  };
  return {
    mayDo: () => enough,
    next: () => {
      for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
        if (latest[top.position] !== top) continue;
        if (top.victims !== null) return top.victims;
        const exact = exactly(top);
        if (exact === null) continue;
        latest[top.position] = exact;
        heap.push(exact);
      }
      return null;
    },
    renew: (gone) => {
      const touched = new Set(gone.flatMap(({ job }) => job.assignments.map(({ nodeId }) => nodeId)));
      for (const nodeId of touched) {
        const entry = future.get(nodeId);
        if (entry === undefined) continue;
        const step = boundOf(entry, leftAt(entry.position), replicasThatFit(entry, request, request.replicas));
        latest[entry.position] = step;
        if (step !== undefined) heap.push(step);
      }
    },
  };
}

/** No fewer than fit when all these units have come free. */
function replicasAtMost(entry: FreeNode, request: Request, units: number): number {
  const { gpus } = request.resources;
  const limit = Math.min(request.replicas, request.maxPerNode);
  if (request.units !== "gpus" || gpus === 0) return limit;
  return Math.min(limit, Math.floor((entry.gpus.length + units) / gpus));
}

/** A bound below what room for one more replica than `room` costs here; null when there is never any. */
function costAtLeast(entry: FreeNode, request: Request, { victims, units, leastPerGpu, parts }: NodeVictims, room: number): number | null {
  if (room >= Math.min(request.replicas, request.maxPerNode)) return null;
  const cheapest = victims[0]?.cost ?? 0;
  const { gpus } = request.resources;
  if (request.units !== "gpus" || gpus === 0) return cheapest;
  const missing = (room + 1) * gpus - entry.gpus.length;
  if (missing > units) return null;
  return parts || missing <= 0 ? cheapest : Math.max(cheapest, leastPerGpu * missing * ROUNDING);
}

function stepOn(entry: FreeNode, request: Request, here: readonly Victim[]): { victims: Victim[]; cost: number } | null {
  const node = copyNode(entry);
  const before = replicasThatFit(node, request, request.replicas);
  const victims: Victim[] = [];
  for (const victim of here) {
    leave(node, victim);
    victims.push(victim);
    if (replicasThatFit(node, request, request.replicas) > before) {
      const needed = thin(entry, request, victims, before + 1);
      return { victims: needed, cost: needed.reduce((sum, { cost }) => sum + cost, 0) };
    }
  }
  return null;
}

/** Without the victims of the node, dearest first, that so many replicas fit without. */
function thin(entry: FreeNode, request: Request, victims: readonly Victim[], replicas: number): Victim[] {
  let kept = [...victims];
  for (const victim of [...victims].reverse()) {
    const without = kept.filter((other) => other !== victim);
    const node = copyNode(entry);
    for (const other of without) leave(node, other);
    if (replicasThatFit(node, request, replicas) >= replicas) kept = without;
  }
  return kept;
}

function leave(node: FreeNode, { job }: Victim): void {
  giveBack({ get: (nodeId) => (nodeId === node.node.id ? node : undefined) }, job);
}
