import type { Assignment } from "../../../shared/domain/index.ts";
import { type FreeNode, take } from "../feasible/free-capacity.ts";
import { fittingGpus, gangFits, replicasThatFit } from "../feasible/replica-fit.ts";
import { compareFit } from "../score/best-fit.ts";
import type { PendingJob } from "../snapshot.ts";

/** Books the whole gang on `entries` and returns its assignments by rank; null, with nothing booked, when it does not fit. */
export function placeGang(entries: readonly FreeNode[], job: PendingJob): Assignment[] | null {
  if (!gangFits(entries, job.resources, job.replicas)) return null;
  const assignments: Assignment[] = [];
  const candidates = new Set(entries.filter((entry) => replicasThatFit(entry, job.resources, 1) === 1));
  while (assignments.length < job.replicas) {
    const best = bestOf(candidates);
    if (best === undefined) throw new Error(`gang of job ${job.id} fits but cannot be placed`);
    // Neighbouring ranks share a node: collectives talk most to their neighbours.
    while (assignments.length < job.replicas && replicasThatFit(best, job.resources, 1) === 1) {
      const gpuUuids = fittingGpus(best, job.resources)
        .slice(0, job.resources.gpus)
        .map((gpu) => gpu.uuid);
      take(best, job.id, job.resources, gpuUuids);
      assignments.push({ rank: assignments.length, nodeId: best.node.id, nodeAddress: best.node.address, gpuUuids });
    }
    candidates.delete(best);
  }
  return assignments;
}

function bestOf(candidates: Iterable<FreeNode>): FreeNode | undefined {
  let best: FreeNode | undefined;
  for (const entry of candidates) if (best === undefined || compareFit(entry, best) < 0) best = entry;
  return best;
}
