import { emptyNodes, type FreeNode, freeNodes } from "../feasible/free-capacity.ts";
import { nodeBlocker } from "../feasible/node-blocker.ts";
import { replicasThatFit } from "../feasible/replica-fit.ts";
import { type Request, requestKey } from "../feasible/request.ts";
import { comparePending } from "../order/compare-pending.ts";
import { type ClusterShapes, clusterShapes } from "../score/cluster-shapes.ts";
import type { ActiveJob, ClusterSnapshot, NodeCapacity, PendingJob, PendingReason } from "../snapshot.ts";
import { changedPart } from "./changed-part.ts";

const FEW = 64;

type Hopeless = Omit<PendingReason, "jobId"> | null;

/**
 * What one cycle may take over from the one before. Every entry is a pure function of objects that are the same objects as
 * before, so a plan made with it is the plan made without it. Callers keep unchanged nodes and jobs identical between
 * snapshots; what is a new object counts as changed.
 */
export interface CycleMemory {
  /** `position` in the order of `sorted`, where the key is found without a search. */
  keyOf(job: PendingJob, position?: number): string;
  /** Ready, open nodes less what active jobs hold; the caller's own to book on. */
  free(): FreeNode[];
  /** Every node as if nothing ran; not to be booked on. */
  everything(): FreeNode[];
  /** The kinds of ready, open nodes: forgotten when a node changes. */
  shapes(): ClusterShapes;
  /** Filters of `everything`, and texts that depend on it alone: forgotten when a node changes. */
  empties: Map<string, FreeNode[]>;
  hopeless: Map<string, Hopeless>;
  /** Positions of the nodes that could run a replica if they were empty: forgotten when a node changes. */
  servers: Map<string, readonly number[]>;
  /** Positions of the nodes that the job's rules admit. */
  admitted(job: PendingJob, rules: string): readonly number[];
  /** Positions of the free nodes that have room for a replica now, in order; undefined for a request not learnt yet. */
  candidates(key: string): readonly number[] | undefined;
  /** True when no free nodes have room for the least gang. */
  knownToFail(key: string): boolean;
  /** From now on the room of these requests is followed, node by node. */
  learn(requests: Iterable<Request>): void;
  /** Queue order. */
  sorted(pending: readonly PendingJob[]): readonly PendingJob[];
  /** Starts the next cycle. */
  look(snapshot: ClusterSnapshot): void;
}

export function createCycleMemory(): CycleMemory {
  const keys = new WeakMap<PendingJob, string>();
  const followed = new Map<string, FollowedRequest>();
  const admissions = new Map<string, readonly number[]>();
  const servers = new Map<string, readonly number[]>();
  let pending: readonly PendingJob[] = [];
  let order: PendingJob[] = [];
  let orderKeys: string[] = [];
  const empties = new Map<string, FreeNode[]>();
  const hopeless = new Map<string, Hopeless>();
  let nodes: readonly NodeCapacity[] = [];
  let active: readonly ActiveJob[] = [];
  let base: FreeNode[] = [];
  let byId = new Map<string, FreeNode>();
  let holders = new Map<string, Set<ActiveJob>>();
  let everything: FreeNode[] | null = null;
  let shapes: ClusterShapes | null = null;

  const rebuild = (snapshot: ClusterSnapshot) => {
    nodes = snapshot.nodes;
    active = snapshot.active;
    base = freeNodes(nodes.filter(isOpen), active);
    byId = new Map(base.map((entry) => [entry.node.id, entry]));
    holders = new Map();
    for (const job of active) hold(job);
    followed.clear();
    admissions.clear();
    servers.clear();
    empties.clear();
    hopeless.clear();
    everything = null;
    shapes = null;
  };
  const keyOf = (job: PendingJob): string => {
    let key = keys.get(job);
    if (key === undefined) {
      key = requestKey(job);
      keys.set(job, key);
    }
    return key;
  };
  /** The changed jobs moved, their keys with them: few of them by binary search and in place, many by sorting again. */
  const resort = ({ before, after }: { before: readonly PendingJob[]; after: readonly PendingJob[] }) => {
    if (before.length + after.length > FEW) {
      order = [...pending].sort(comparePending);
      orderKeys = order.map(keyOf);
      return;
    }
    for (const job of before) {
      const place = placeOf(order, job) - 1;
      order.splice(place, 1);
      orderKeys.splice(place, 1);
    }
    for (const job of after) {
      const place = placeOf(order, job);
      order.splice(place, 0, job);
      orderKeys.splice(place, 0, keyOf(job));
    }
  };
  const hold = (job: ActiveJob) => {
    for (const { nodeId } of job.assignments) {
      const jobs = holders.get(nodeId);
      if (jobs === undefined) holders.set(nodeId, new Set([job]));
      else jobs.add(job);
    }
  };
  const refresh = (nodeId: string) => {
    const entry = byId.get(nodeId);
    if (entry === undefined) return;
    const only = [...(holders.get(nodeId) ?? [])].map((job) => ({
      ...job,
      assignments: job.assignments.filter((assignment) => assignment.nodeId === nodeId),
    }));
    const [fresh] = freeNodes([entry.node], only);
    if (fresh === undefined) return;
    Object.assign(entry, fresh, { position: entry.position });
    for (const one of followed.values()) follow(one, entry);
  };

  return {
    keyOf: (job, position = -1) => (order[position] === job ? (orderKeys[position] ?? keyOf(job)) : keyOf(job)),
    free: () => base.map((entry) => ({ ...entry, version: 0 })),
    shapes: () => {
      shapes ??= clusterShapes(base);
      return shapes;
    },
    everything: () => {
      everything ??= emptyNodes(nodes);
      return everything;
    },
    empties,
    hopeless,
    servers,
    admitted: (job, rules) => {
      let positions = admissions.get(rules);
      if (positions === undefined) {
        positions = base.filter(({ node }) => nodeBlocker(node, job) === null).map(({ position }) => position);
        admissions.set(rules, positions);
      }
      return positions;
    },
    candidates: (key) => {
      const one = followed.get(key);
      return one === undefined ? undefined : [...one.rooms.keys()].sort((left, right) => left - right);
    },
    knownToFail: (key) => {
      const one = followed.get(key);
      return one !== undefined && one.total < one.request.minReplicas;
    },
    learn: (requests) => {
      for (const request of requests) {
        if (followed.has(request.key)) continue;
        const one = { request: detached(request), rooms: new Map<number, number>(), total: 0 };
        for (const entry of base) follow(one, entry);
        followed.set(request.key, one);
      }
    },
    sorted: (now) => {
      const change = changedPart(pending, now);
      pending = now;
      if (change !== null) resort(change);
      return order;
    },
    look: (snapshot) => {
      if (changedPart(nodes, snapshot.nodes) !== null) return rebuild(snapshot);
      const change = changedPart(active, snapshot.active);
      active = snapshot.active;
      if (change === null) return;
      const touched = new Set<string>();
      for (const job of change.before) {
        for (const { nodeId } of job.assignments) {
          holders.get(nodeId)?.delete(job);
          touched.add(nodeId);
        }
      }
      for (const job of change.after) {
        hold(job);
        for (const { nodeId } of job.assignments) touched.add(nodeId);
      }
      for (const nodeId of touched) refresh(nodeId);
    },
  };
}

/** A request and the room that each free node has for it, by position; nodes without room are left out. */
interface FollowedRequest {
  request: Request;
  rooms: Map<number, number>;
  total: number;
}

function follow(one: FollowedRequest, entry: FreeNode): void {
  const { request, rooms } = one;
  const fits = replicasThatFit(entry, request, request.replicas);
  const room = fits > 0 && nodeBlocker(entry.node, request.job) === null ? fits : 0;
  one.total += room - (rooms.get(entry.position) ?? 0);
  if (room === 0) rooms.delete(entry.position);
  else rooms.set(entry.position, room);
}

/** Without what belongs to the cycle that made it. */
function detached({ key, job, resources, replicas, minReplicas, maxPerNode, avoidedGpus, kinds }: Request): Request {
  return { key, job, resources, replicas, minReplicas, maxPerNode, avoidedGpus, kinds };
}

/** Behind all that come before it and all that are its equals. */
function placeOf(order: readonly PendingJob[], job: PendingJob): number {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = order[middle];
    if (other !== undefined && comparePending(other, job) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isOpen(node: NodeCapacity): boolean {
  return node.state === "ready" && node.closed === undefined;
}
