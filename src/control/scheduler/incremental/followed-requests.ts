import type { FreeNode } from "../feasible/free-capacity.ts";
import { nodeBlocker } from "../feasible/node-blocker.ts";
import { replicasThatFit } from "../feasible/replica-fit.ts";
import { detached, type Request } from "../feasible/request.ts";

/** Requests followed beside those of the last cycle: each costs a look at every node that changes. */
const MOST_IDLE = 256;

/** A request and the room that each free node has for it, by position; nodes without room are left out. */
interface FollowedRequest {
  request: Request;
  rooms: Map<number, number>;
  total: number;
}

/** The room that the nodes have for the requests of the queue, kept up to date node by node. */
export interface FollowedRequests {
  /** Positions of the nodes that have room for a replica now, in order; undefined for a request not learnt yet. */
  candidates(key: string): readonly number[] | undefined;
  /** True when no nodes have room for the least gang. */
  knownToFail(key: string): boolean;
  /** From now on these are followed, and what no cycle asks any more is forgotten. */
  learn(requests: readonly Request[], nodes: readonly FreeNode[]): void;
  changed(entry: FreeNode): void;
  clear(): void;
}

/** Follows nothing yet; whoever changes a node's room must tell it by `changed`. */
export function createFollowedRequests(): FollowedRequests {
  const followed = new Map<string, FollowedRequest>();
  return {
    candidates: (key) => {
      const one = followed.get(key);
      return one === undefined ? undefined : [...one.rooms.keys()].sort((left, right) => left - right);
    },
    knownToFail: (key) => {
      const one = followed.get(key);
      return one !== undefined && one.total < one.request.minReplicas;
    },
    learn: (requests, nodes) => {
      for (const request of requests) {
        if (followed.has(request.key)) continue;
        const one = { request: detached(request), rooms: new Map<number, number>(), total: 0 };
        for (const entry of nodes) follow(one, entry);
        followed.set(request.key, one);
      }
      if (followed.size <= requests.length + MOST_IDLE) return;
      const asked = new Set(requests.map(({ key }) => key));
      for (const key of followed.keys()) if (!asked.has(key)) followed.delete(key);
    },
    changed: (entry) => {
      for (const one of followed.values()) follow(one, entry);
    },
    clear: () => followed.clear(),
  };
}

function follow(one: FollowedRequest, entry: FreeNode): void {
  const { request, rooms } = one;
  const fits = replicasThatFit(entry, request, request.replicas);
  const room = fits > 0 && nodeBlocker(entry.node, request.job) === null ? fits : 0;
  one.total += room - (rooms.get(entry.position) ?? 0);
  if (room === 0) rooms.delete(entry.position);
  else rooms.set(entry.position, room);
}
