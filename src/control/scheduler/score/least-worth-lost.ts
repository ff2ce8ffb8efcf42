import { candidates } from "./least-fragmentation.ts";
import { type Outlook, outlookOf, type ShapeOutlook } from "./node-shapes.ts";
import type { Choice, PlacementPolicy } from "./placement-policy.ts";
import { type Ask, type Room, WHOLE_GPU } from "./room.ts";
import { type ShareWorth, shareWorth } from "./share-prices.ts";
import { strandedGpus } from "./stranded-gpus.ts";
import type { TypicalAsk } from "./typical-asks.ts";

/**
 * What weighs how much, in GPUs. The result is flat around these: each may be halved or doubled and loses at most 0.1 points
 * of allocation.
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

/**
 * Berth's own policy: takes the place whose use costs the cluster least. `worth lost` is what the leftovers are worth to the
 * expected shares before and after (shadow prices, see `shareWorth`), `stranded` the GPUs that will lack CPU, and scarce
 * nodes (a model, a size, that many CPUs) are left to those that need them.
 */
export function leastWorthLost(rooms: readonly Room[], expected: readonly TypicalAsk[]): PlacementPolicy {
  const worth = shareWorth(shareDemand(expected));
  const outlook = outlookOf(rooms, expected);
  return { name: "berth", choose: (room, ask) => cheapest(room, ask, worth, outlook) };
}

function shareDemand(expected: readonly TypicalAsk[]): { gpuMillis: number; weight: number }[] {
  const bySize = new Map<number, number>();
  for (const { ask, weight } of expected) {
    if (ask.gpus === 1 && ask.gpuMillis < WHOLE_GPU) bySize.set(ask.gpuMillis, (bySize.get(ask.gpuMillis) ?? 0) + weight);
  }
  return [...bySize].map(([gpuMillis, weight]) => ({ gpuMillis, weight }));
}

function cheapest(room: Room, ask: Ask, worth: ShareWorth, outlook: Outlook): Choice {
  const shape = outlook(room);
  const worthNow = room.gpuMillis.reduce((sum, left) => sum + (worth[left] ?? 0), 0);
  const strandedNow = stranded(shape, worthNow, room.cpuMillis);
  const freeGpus = room.gpuMillis.filter((left) => left === WHOLE_GPU).length;
  let best: Choice | null = null;
  for (const gpus of candidates(room, ask)) {
    let [lost, leftover] = [0, 0];
    for (const index of gpus) {
      const left = room.gpuMillis[index] ?? 0;
      lost += (worth[left] ?? 0) - (worth[left - ask.gpuMillis] ?? 0);
      leftover += (left - ask.gpuMillis) / WHOLE_GPU;
    }
    const strandedMore = stranded(shape, worthNow - lost, room.cpuMillis - ask.cpuMillis) - strandedNow;
    const cost =
      lost * (1 + WEIGHTS.scarcity * shape.scarcity) +
      WEIGHTS.stranded * strandedMore +
      WEIGHTS.leftover * leftover +
      WEIGHTS.freeGpu * freeGpus;
    if (best === null || -cost > best.score) best = { score: -cost, gpus };
  }
  return best ?? { score: 0, gpus: [] };
}

function stranded({ cpuMean, cpuDeviation }: ShapeOutlook, gpus: number, cpuMillis: number): number {
  return strandedGpus(gpus, cpuMillis, cpuMean, WEIGHTS.deviation * cpuDeviation);
}
