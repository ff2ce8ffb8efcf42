import { candidates } from "./least-fragmentation.ts";
import { type Outlook, outlookOf, type ShapeOutlook } from "./node-shapes.ts";
import type { Choice, PlacementPolicy } from "./placement-policy.ts";
import { type Ask, type Room, WHOLE_GPU } from "./room.ts";
import { type ShareWorth, shareWorth } from "./share-prices.ts";
import { strandedGpus } from "./stranded-gpus.ts";
import type { TypicalAsk } from "./typical-asks.ts";

/**
 * What weighs how much, in GPUs. The result is flat around these: halving or doubling any one changes the mean allocation by
 * at most 0.15 points.
 */
const WEIGHTS = {
  /** A GPU that may lack CPU later, against one lost now. */
  stranded: 0.5,
  /** Asks are fitted to nodes, not thrown at random: their need for CPU varies less than their own deviation. */
  deviation: 0.3,
  /** Each GPU taken where demand is as high as the cluster's average. */
  scarcity: 0.3,
  /** Ties: a tight fit first, then the node with the fewest free GPUs, so that whole nodes stay whole. */
  leftover: 0.03,
  freeGpu: 0.001,
};

/** What one node is worth as it stands. */
export interface NodeWorth {
  shape: ShapeOutlook;
  cpuMillis: number;
  /** What is left of its GPUs, in whole GPUs' worth. */
  worth: number;
  stranded: number;
  freeGpus: number;
}

/**
 * Berth's own policy: takes the place whose use costs the cluster least. `worth lost` is what the leftovers are worth to the
 * expected shares before and after (shadow prices, see `shareWorth`), `stranded` the GPUs that will lack CPU, and scarce
 * nodes (a model, a size, that many CPUs) are left to those that need them.
 */
export function leastWorthLost(rooms: readonly Room[], expected: readonly TypicalAsk[]): PlacementPolicy {
  const worth = sharePrices(expected);
  const outlook = outlookOf(rooms, expected);
  return { name: "berth", choose: (room, ask) => cheapest(room, ask, worth, outlook) };
}

/** What each leftover of a GPU is worth to the shares among the expected asks. */
export function sharePrices(expected: readonly TypicalAsk[]): ShareWorth {
  return shareWorth(shareDemand(expected));
}

/** `worth` in whole GPUs' worth; what is stranded is worked out once, for all places of the node. */
export function nodeWorth(shape: ShapeOutlook, cpuMillis: number, worth: number, freeGpus: number): NodeWorth {
  return { shape, cpuMillis, worth, stranded: strandedIn(shape, worth, cpuMillis), freeGpus };
}

/** What it costs the cluster, in GPUs, to take `lost` of the node's worth and so much CPU; `leftover` GPUs stay unused beside it. */
export function placeCost(node: NodeWorth, lost: number, cpuMillis: number, leftover: number): number {
  const stranded = strandedIn(node.shape, node.worth - lost, node.cpuMillis - cpuMillis) - node.stranded;
  return (
    lost * (1 + WEIGHTS.scarcity * node.shape.scarcity) +
    WEIGHTS.stranded * stranded +
    WEIGHTS.leftover * leftover +
    WEIGHTS.freeGpu * node.freeGpus
  );
}

function strandedIn({ cpuMean, cpuDeviation }: ShapeOutlook, gpus: number, cpuMillis: number): number {
  return strandedGpus(gpus, cpuMillis, cpuMean, WEIGHTS.deviation * cpuDeviation);
}

function shareDemand(expected: readonly TypicalAsk[]): { gpuMillis: number; weight: number }[] {
  const bySize = new Map<number, number>();
  for (const { ask, weight } of expected) {
    if (ask.gpus === 1 && ask.gpuMillis < WHOLE_GPU) bySize.set(ask.gpuMillis, (bySize.get(ask.gpuMillis) ?? 0) + weight);
  }
  return [...bySize].map(([gpuMillis, weight]) => ({ gpuMillis, weight }));
}

function cheapest(room: Room, ask: Ask, worth: ShareWorth, outlook: Outlook): Choice {
  const left = room.gpuMillis.reduce((sum, millis) => sum + (worth[millis] ?? 0), 0);
  const freeGpus = room.gpuMillis.filter((millis) => millis === WHOLE_GPU).length;
  const node = nodeWorth(outlook(room), room.cpuMillis, left, freeGpus);
  let best: Choice | null = null;
  for (const gpus of candidates(room, ask)) {
    let [lost, leftover] = [0, 0];
    for (const index of gpus) {
      const millis = room.gpuMillis[index] ?? 0;
      lost += (worth[millis] ?? 0) - (worth[millis - ask.gpuMillis] ?? 0);
      leftover += (millis - ask.gpuMillis) / WHOLE_GPU;
    }
    const score = -placeCost(node, lost, ask.cpuMillis, leftover);
    if (best === null || score > best.score) best = { score, gpus };
  }
  return best ?? { score: 0, gpus: [] };
}
