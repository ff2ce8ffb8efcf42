import type { FreeNode } from "../feasible/free-capacity.ts";
import type { Request } from "../feasible/request.ts";
import { usableMillis } from "../feasible/shared-gpu.ts";
import type { ClusterSnapshot, NodeCapacity, PlacementKinds } from "../snapshot.ts";
import { rankOf } from "./best-fit.ts";
import type { ClusterShapes } from "./cluster-shapes.ts";
import { expectedFrom } from "./expected-mix.ts";
import { type NodeWorth, nodeWorth, placeCost, sharePrices } from "./least-worth-lost.ts";
import { missingBytes } from "./missing-layers.ts";
import { NOTHING_EXPECTED, type ShapeOutlook, shapeOutlooks } from "./node-shapes.ts";
import { cheapestShare } from "./share-place.ts";
import type { ShareWorth } from "./share-prices.ts";

/** Smaller is better. */
export type NodeRank = (entry: FreeNode) => number;

/** What a pass knows better than best fit. */
export type NodePreference = { rank: NodeRank } & Pick<Request, "pickShare">;

/** Node label that names its pool. */
export const POOL_LABEL = "berth.pool";

/** Decides ties in the way of best fit, far below every weight of the policy: 2^53 of it is below 1e-4. */
const TIE = 2 ** -68;

/** In GPUs: fetching takes minutes once, a node that is broken up may cost a large job hours, so all of it is less than one free GPU's weight. */
const COST_PER_MISSING_GIB = 0.0001;
const MOST_COST_OF_LAYERS = 0.0009;

/** A spread pool prefers its emptiest node: a full one costs so many GPUs more. */
const SPREAD_COST = 1;

/** Ranks nodes for the requests of one pass; what looks at the whole cluster is done when the first node is ranked. */
export function createNodeRanker(snapshot: ClusterSnapshot, shapes: () => ClusterShapes): (request: Request) => NodePreference {
  const prices = lazily(() => sharePrices(expectedFrom(snapshot, shapes().models)));
  const worthOf = rememberWorth(snapshot, shapes, prices);
  return (request) => {
    const { gpus, cpuMillis } = request.resources;
    const shareOn = (entry: FreeNode) => cheapestShare(entry, request, worthOf(entry), prices());
    const costOn: NodeRank =
      request.units === "shares"
        ? (entry) => shareOn(entry)?.cost ?? Number.MAX_SAFE_INTEGER
        : request.units === "mig"
          ? (entry) => placeCost(worthOf(entry), 0, cpuMillis, entry.migDevices.length)
          : (entry) => placeCost(worthOf(entry), gpus, cpuMillis, 0);
    const rank: NodeRank = (entry) => {
      const cost = snapshot.placement !== undefined && spreads(snapshot.placement, entry.node) ? gpus + spreadCost(entry) : costOn(entry);
      return cost + layerCost(request, entry.node) + rankOf(entry) * TIE;
    };
    return request.units === "shares" ? { rank, pickShare: (entry) => shareOn(entry)?.gpu } : { rank };
  };
}

function lazily<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function spreads(placement: PlacementKinds, { labels }: NodeCapacity): boolean {
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
function rememberWorth(snapshot: ClusterSnapshot, shapes: () => ClusterShapes, prices: () => ShareWorth): (entry: FreeNode) => NodeWorth {
  let outlookFor: ((node: NodeCapacity) => ShapeOutlook) | null = null;
  const known: ({ entry: FreeNode; version: number; worth: NodeWorth } | undefined)[] = [];
  return (entry) => {
    const before = known[entry.position];
    if (before !== undefined && before.entry === entry && before.version === entry.version) return before.worth;
    outlookFor ??= clusterOutlook(shapes(), snapshot);
    const shape = before?.entry === entry ? before.worth.shape : outlookFor(entry.node);
    const worth = nodeWorth(shape, entry.cpuMillis, gpusWorth(entry, prices), entry.gpus.length);
    known[entry.position] = { entry, version: entry.version, worth };
    return worth;
  };
}

/** Free GPUs, and what is left of the shared ones. */
function gpusWorth({ gpus, shared }: FreeNode, prices: () => ShareWorth): number {
  let worth = gpus.length;
  for (const one of shared.values()) worth += prices()[usableMillis(one)] ?? 0;
  return worth;
}

function clusterOutlook({ shapes, models, placeOf }: ClusterShapes, snapshot: ClusterSnapshot): (node: NodeCapacity) => ShapeOutlook {
  const outlooks = shapeOutlooks(shapes, expectedFrom(snapshot, models));
  return (node) => outlooks[placeOf(node)] ?? NOTHING_EXPECTED;
}
