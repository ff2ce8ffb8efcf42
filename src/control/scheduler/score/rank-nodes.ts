import type { FreeNode } from "../feasible/free-capacity.ts";
import type { Request } from "../feasible/request.ts";
import type { ClusterSnapshot, NodeCapacity } from "../snapshot.ts";
import { rankOf } from "./best-fit.ts";
import { expectedFrom } from "./expected-mix.ts";
import { type NodeWorth, nodeWorth, placeCost } from "./least-worth-lost.ts";
import { missingBytes } from "./missing-layers.ts";
import { type Outlook, outlookOf } from "./node-shapes.ts";
import { type Room, WHOLE_GPU } from "./room.ts";

/** Smaller is better. */
export type NodeRank = (entry: FreeNode) => number;

/** Node label that names its pool. */
export const POOL_LABEL = "berth.pool";

/** Decides ties in the way of best fit, far below every weight of the policy: 2^53 of it is below 1e-4. */
const TIE = 2 ** -68;

/** In GPUs: fetching a GiB is little against fragmentation, and a large image is still fetched once. */
const COST_PER_MISSING_GIB = 0.002;
const MOST_COST_OF_LAYERS = 0.05;

/** A spread pool prefers its emptiest node: a full one costs so many GPUs more. */
const SPREAD_COST = 1;

/** Ranks nodes for the requests of one pass; what looks at the whole cluster is done when the first node is ranked. */
export function createNodeRanker(snapshot: ClusterSnapshot, free: readonly FreeNode[]): (request: Request) => NodeRank {
  const worthOf = rememberWorth(snapshot, free);
  return (request) => {
    const { gpus, cpuMillis } = request.resources;
    return (entry) => {
      const cost = spreads(snapshot, entry.node) ? gpus + spreadCost(entry) : placeCost(worthOf(entry), gpus, cpuMillis, 0);
      return cost + layerCost(request, entry.node) + rankOf(entry) * TIE;
    };
  };
}

function spreads({ placement }: ClusterSnapshot, { labels }: NodeCapacity): boolean {
  if (placement === undefined) return false;
  return (placement.byPool?.[labels?.[POOL_LABEL] ?? ""] ?? placement.kind) === "spread";
}

function spreadCost({ node, gpus, cpuMillis }: FreeNode): number {
  const left = node.gpus.length > 0 ? gpus.length / node.gpus.length : cpuMillis / Math.max(1, node.cpuMillis);
  return SPREAD_COST * (1 - left);
}

function layerCost({ job }: Request, node: NodeCapacity): number {
  if (job.imageLayers === undefined) return 0;
  return Math.min(MOST_COST_OF_LAYERS, (missingBytes(job.imageLayers, node.imageLayers) / 2 ** 30) * COST_PER_MISSING_GIB);
}

/** A queue of many different requests asks for each node's worth again and again between two bookings. */
function rememberWorth(snapshot: ClusterSnapshot, free: readonly FreeNode[]): (entry: FreeNode) => NodeWorth {
  let outlook: Outlook | null = null;
  const known: ({ entry: FreeNode; version: number; worth: NodeWorth } | undefined)[] = [];
  return (entry) => {
    const before = known[entry.position];
    if (before !== undefined && before.entry === entry && before.version === entry.version) return before.worth;
    outlook ??= outlookOf(free.map(roomOf), expectedFrom(snapshot));
    const shape = before?.entry === entry ? before.worth.shape : outlook(roomOf(entry));
    const worth = nodeWorth(shape, entry.cpuMillis, entry.gpus.length, entry.gpus.length);
    known[entry.position] = { entry, version: entry.version, worth };
    return worth;
  };
}

/** Whole GPUs are free or taken; which ones they are decides `pickGpus`. */
function roomOf({ node, cpuMillis, memoryBytes, gpus }: FreeNode): Room {
  return {
    cpuMillis,
    memoryBytes,
    gpuMillis: node.gpus.map((_, place) => (place < gpus.length ? WHOLE_GPU : 0)),
    gpuModel: node.gpus[0]?.model ?? "",
    total: { cpuMillis: node.cpuMillis, memoryBytes: node.memoryBytes },
  };
}
