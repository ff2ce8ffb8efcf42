import { emptyNodes, type FreeNode } from "../feasible/free-capacity.ts";
import { nodeBlocker } from "../feasible/node-blocker.ts";
import { type Request, requestKey } from "../feasible/request.ts";
import { createJobBuckets, type JobBuckets } from "../order/job-buckets.ts";
import type { OrderMemory } from "../order/order-queue.ts";
import { type Amounts, totalsOf } from "../order/project-tree.ts";
import { type ClusterShapes, clusterShapes } from "../score/cluster-shapes.ts";
import type { ActiveJob, ClusterSnapshot, NodeCapacity, PendingJob, PendingReason } from "../snapshot.ts";
import type { ComingRoom } from "../time/coming-room.ts";
import { type ActiveLists, compareEnds, createActiveLists } from "./active-lists.ts";
import { difference } from "./difference.ts";
import { createFollowedRoom } from "./followed-ends.ts";
import { createFollowedRequests } from "./followed-requests.ts";
import { createHeldNodes } from "./held-nodes.ts";
import { createProjectHoldings } from "./project-holdings.ts";

/** Part of the queue that may change at once before it is sorted anew. */
const MOST_MOVED = 1 / 16;

type Hopeless = Omit<PendingReason, "jobId"> | null;

/**
 * What one cycle may take over from the one before. Every entry is a pure function of objects that are the same objects as
 * before, so a plan made with it is the plan made without it. Callers keep unchanged nodes and jobs identical between
 * snapshots; what is a new object counts as changed.
 */
export interface CycleMemory extends OrderMemory {
  keyOf(job: PendingJob): string;
  /** Ready, open nodes less what active jobs hold; to be booked on, and given back with `restore`. */
  free(): FreeNode[];
  /** Ends the use of `free`: the nodes that were booked on are what they were. */
  restore(booked: Iterable<FreeNode>): void;
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
  learn(requests: readonly Request[]): void;
  active(jobs: readonly ActiveJob[]): ActiveLists;
  /** When which free node gets room for the request as jobs reach their time limits, as if nobody were placed; the soonest first. */
  coming(request: Request): readonly ComingRoom[];
  /** The active jobs on the node that have a time limit, the first to end first. */
  endingOn(nodeId: string): readonly ActiveJob[];
  /** Starts the next cycle. */
  look(snapshot: ClusterSnapshot): void;
}

/** Keep one for each sequence of snapshots, and call `look` before each cycle. */
export function createCycleMemory(): CycleMemory {
  const keys = new WeakMap<PendingJob, string>();
  const held = createHeldNodes();
  const followed = createFollowedRequests();
  const endingOn = (nodeId: string) => [...held.on(nodeId)].filter(({ endsAt }) => endsAt !== undefined).sort(compareEnds);
  const ends = createFollowedRoom(held.all, endingOn);
  const admissions = new Map<string, readonly number[]>();
  const servers = new Map<string, readonly number[]>();
  const empties = new Map<string, FreeNode[]>();
  const hopeless = new Map<string, Hopeless>();
  let nodes: readonly NodeCapacity[] = [];
  let pending: readonly PendingJob[] = [];
  let everything: FreeNode[] | null = null;
  let shapes: ClusterShapes | null = null;
  let totals: Amounts | null = null;

  const keyOf = (job: PendingJob): string => {
    let key = keys.get(job);
    if (key === undefined) {
      key = requestKey(job);
      keys.set(job, key);
    }
    return key;
  };
  let buckets: JobBuckets | null = null;
  let named = "";
  const forgetNodes = () => {
    for (const memory of [admissions, servers, empties, hopeless]) memory.clear();
    everything = null;
    shapes = null;
    totals = null;
  };

  return {
    keyOf,
    free: held.lend,
    restore: held.takeBack,
    shapes: () => {
      shapes ??= clusterShapes(held.all());
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
        positions = held
          .all()
          .filter(({ node }) => nodeBlocker(node, job) === null)
          .map(({ position }) => position);
        admissions.set(rules, positions);
      }
      return positions;
    },
    candidates: followed.candidates,
    knownToFail: followed.knownToFail,
    learn: (requests) => {
      followed.learn(requests, held.all());
      ends.end();
    },
    coming: ends.coming,
    endingOn,
    buckets: (now, naming) => {
      const change = difference(pending, now);
      pending = now;
      const many = change !== null && change.removed.length + change.added.length > now.length * MOST_MOVED;
      if (buckets === null || named !== naming.id || many) buckets = createJobBuckets(now, keyOf, naming);
      else {
        for (const job of change?.removed ?? []) buckets.remove(job);
        for (const job of change?.added ?? []) buckets.add(job);
      }
      named = naming.id;
      return buckets;
    },
    active: createActiveLists(),
    holdings: createProjectHoldings(),
    totals: () => {
      totals ??= totalsOf({ nodes: [...nodes] });
      return totals;
    },
    look: (snapshot) => {
      nodes = snapshot.nodes;
      const change = held.look(snapshot);
      for (const one of [followed, ends]) {
        if (change === "anew") one.clear();
        else for (const entry of change.touched) one.changed(entry);
      }
      if (change === "anew" || change.nodesChanged) forgetNodes();
    },
  };
}
