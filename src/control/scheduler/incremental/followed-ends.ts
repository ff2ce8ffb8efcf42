import type { FreeNode } from "../feasible/free-capacity.ts";
import { nodeBlocker } from "../feasible/node-blocker.ts";
import { mayServe } from "../feasible/replica-fit.ts";
import { detached, type Request } from "../feasible/request.ts";
import type { ActiveJob } from "../snapshot.ts";
import { type ComingRoom, comingRoom, compareComing } from "../time/coming-room.ts";
import { placeOf } from "./sorted-list.ts";

/** Requests followed beside those of the last cycle: each costs a look at every node that changes. */
const MOST_IDLE = 32;

/** The room that comes for one request, node by node. */
interface FollowedEnds {
  request: Request;
  byNode: Map<number, ComingRoom[]>;
  inOrder: ComingRoom[];
  asked: boolean;
}

/** The room that comes by itself for the requests that reservations were sought for, kept up to date node by node. */
export interface FollowedRoom {
  /** Of all free nodes that the request's rules admit, as if nobody were placed; the soonest first. */
  coming(request: Request): readonly ComingRoom[];
  /** The node, or what runs on it, is another. */
  changed(entry: FreeNode): void;
  /** Ends a cycle: what it has not asked for may be forgotten. */
  end(): void;
  clear(): void;
}

/** `endingOn` gives the running jobs of a node that have a time limit, the first to end first. */
export function createFollowedRoom(nodes: () => readonly FreeNode[], endingOn: (nodeId: string) => readonly ActiveJob[]): FollowedRoom {
  const followed = new Map<string, FollowedEnds>();
  const roomOf = ({ request }: FollowedEnds, entry: FreeNode): ComingRoom[] => {
    if (nodeBlocker(entry.node, request.job) !== null || !mayServe(entry, request)) return [];
    return comingRoom(entry, request, endingOn(entry.node.id));
  };
  const follow = (one: FollowedEnds, entry: FreeNode) => {
    const { byNode, inOrder } = one;
    for (const past of byNode.get(entry.position) ?? []) inOrder.splice(placeOf(inOrder, past, compareComing), 1);
    const coming = roomOf(one, entry);
    if (coming.length === 0) byNode.delete(entry.position);
    else byNode.set(entry.position, coming);
    for (const next of coming) inOrder.splice(placeOf(inOrder, next, compareComing), 0, next);
  };
  const learn = (request: Request): FollowedEnds => {
    const one: FollowedEnds = { request: detached(request), byNode: new Map(), inOrder: [], asked: true };
    for (const entry of nodes()) {
      const coming = roomOf(one, entry);
      if (coming.length > 0) one.byNode.set(entry.position, coming);
    }
    one.inOrder = [...one.byNode.values()].flat().sort(compareComing);
    followed.set(request.key, one);
    return one;
  };
  return {
    coming: (request) => {
      const one = followed.get(request.key) ?? learn(request);
      one.asked = true;
      return one.inOrder;
    },
    changed: (entry) => {
      for (const one of followed.values()) follow(one, entry);
    },
    end: () => {
      let idle = 0;
      for (const [key, one] of followed) {
        if (!one.asked) idle += 1;
        if (!one.asked && idle > MOST_IDLE) followed.delete(key);
        one.asked = false;
      }
    },
    clear: () => followed.clear(),
  };
}
