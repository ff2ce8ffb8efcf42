import type { Assignment } from "../../../shared/domain/index.ts";
import { fitGang } from "../feasible/fit-gang.ts";
import { type FreeNode, take } from "../feasible/free-capacity.ts";
import type { Request } from "../feasible/request.ts";
import { type CandidateIndex, indexCandidates } from "./candidate-index.ts";
import { pickUnits } from "./pick-units.ts";

/** How many replicas of the gang go to which node, in the order of ranks. */
interface Share {
  entry: FreeNode;
  replicas: number;
}

/** Books the whole gang and returns its assignments by rank; null, with nothing booked, when it does not fit. */
export function placeGang(
  entries: () => readonly FreeNode[],
  index: () => CandidateIndex,
  request: Request,
  jobId: string,
  changed: FreeNode[],
): Assignment[] | null {
  const { sameLabel = null, spreadLabel = null } = request.job.rules ?? {};
  const shares = sameLabel === null && spreadLabel === null ? bestShares(index(), request) : topologyShares(entries(), request);
  return shares === null ? null : book(shares, request, jobId, changed);
}

/** Neighbouring ranks share a node: collectives talk most to their neighbours. */
function bestShares(index: CandidateIndex, request: Request): Share[] | null {
  const shares: Share[] = [];
  let left = request.replicas;
  while (left > 0) {
    const next = index.next();
    if (next === undefined) break;
    const replicas = Math.min(left, next.room);
    shares.push({ entry: next.entry, replicas });
    left -= replicas;
  }
  if (request.replicas - left >= request.minReplicas) return shares;
  for (const { entry } of shares) index.giveBack(entry);
  return null;
}

function topologyShares(entries: readonly FreeNode[], request: Request): Share[] | null {
  const parts = fitGang(entries, request);
  if (parts === null) return null;
  return parts.flatMap((part) => {
    const exact = { ...request, replicas: part.replicas, minReplicas: part.replicas };
    return bestShares(indexCandidates(part.entries, exact, []), exact) ?? [];
  });
}

function book(shares: readonly Share[], request: Request, jobId: string, changed: FreeNode[]): Assignment[] {
  const assignments: Assignment[] = [];
  for (const { entry, replicas } of shares) {
    for (let count = 0; count < replicas; count += 1) {
      const units = pickUnits(entry, request);
      take(entry, { id: jobId, project: request.project }, request.resources, units.gpuUuids);
      assignments.push({ rank: assignments.length, nodeId: entry.node.id, nodeAddress: entry.node.address, ...units });
    }
    changed.push(entry);
  }
  return assignments;
}
