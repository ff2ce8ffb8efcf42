import type { FreeNode } from "../feasible/free-capacity.ts";
import { replicasThatFit } from "../feasible/replica-fit.ts";
import type { Request } from "../feasible/request.ts";
import { rankOf } from "../score/best-fit.ts";
import { createHeap } from "./heap.ts";

interface Candidate {
  entry: FreeNode;
  /** The entry's version that was ranked: another one makes the candidate stale. */
  version: number;
  rank: number;
}

/** The nodes of one request, best first, kept up to date while nodes fill up. */
export interface CandidateIndex {
  /** Takes the best node that has room out of the index; undefined when none has. */
  next(): { entry: FreeNode; room: number } | undefined;
  /** Puts a node back that was taken out and not booked. */
  giveBack(entry: FreeNode): void;
}

/**
 * A heap over ranks that follows `changed`, the log of nodes booked since the pass began: a node is ranked again only when
 * it has changed, so placing a job costs the logarithm of the cluster and not the cluster.
 * `closed` nodes are never given; what is closed stays so.
 */
export function indexCandidates(
  entries: readonly FreeNode[],
  request: Request,
  changed: readonly FreeNode[],
  closed: (entry: FreeNode) => boolean = () => false,
): CandidateIndex {
  const fitting = entries.filter((entry) => replicasThatFit(entry, request, 1) > 0);
  // With one node to choose from there is nothing to rank: ranking may look at the whole cluster first.
  const rank = fitting.length === 1 ? () => 0 : (request.rank ?? rankOf);
  const members = new Set(fitting);
  const heap = createHeap(
    fitting.map((entry) => candidate(entry, rank)),
    before,
  );
  let seen = changed.length;
  const add = (entry: FreeNode) => heap.push(candidate(entry, rank));
  return {
    next: () => {
      // A node that was booked twice since is one candidate: twice in the heap, a gang would count its room twice.
      for (const entry of new Set(changed.slice(seen))) if (members.has(entry)) add(entry);
      seen = changed.length;
      for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
        if (top.version !== top.entry.version || closed(top.entry)) continue;
        const room = replicasThatFit(top.entry, request, Number.MAX_SAFE_INTEGER);
        if (room > 0) return { entry: top.entry, room };
      }
      return undefined;
    },
    giveBack: add,
  };
}

function candidate(entry: FreeNode, rank: (entry: FreeNode) => number): Candidate {
  return { entry, version: entry.version, rank: rank(entry) };
}

function before(left: Candidate, right: Candidate): boolean {
  return left.rank < right.rank || (left.rank === right.rank && left.entry.position < right.entry.position);
}
