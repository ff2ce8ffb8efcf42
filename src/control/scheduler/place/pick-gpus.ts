/** A GPU with what its node tells of its links; without any, GPUs are alike. */
export interface LinkedGpu {
  pciBusId: string;
  /** Null or absent when the machine has one NUMA node or does not say. */
  numaNode?: number | null;
  /** The other ends of its active NVLinks: a GPU's PCI bus id, or a switch. */
  nvlinks?: readonly { kind: "gpu" | "switch" | "other"; pciBusId: string; links: number }[];
}

/** An NVLink between two GPUs counts this much more than one NUMA node. */
const LINK_WEIGHT = 4;

/** More sets than these are not compared one by one. */
const MOST_SETS = 20_000;

/**
 * `count` of the free GPUs of one node: those best linked to each other, and among equals those least linked to the ones
 * left, so that pairs and NUMA nodes stay whole for later jobs. Without links or NUMA nodes the first ones.
 */
export function pickGpus<Item extends LinkedGpu>(free: readonly Item[], count: number): Item[] {
  if (count === 0 || count >= free.length) return free.slice(0, count);
  const weights = linkMatrix(free);
  if (weights.every((row) => row.every((weight) => weight === 0))) return free.slice(0, count);
  const places = setsOf(free.length, count) > MOST_SETS ? greedySet(weights, count) : bestSet(weights, count);
  return places.flatMap((place) => free[place] ?? []);
}

/** Symmetric: how well each two of the GPUs are linked; 0 not at all. */
function linkMatrix(gpus: readonly LinkedGpu[]): number[][] {
  if (gpus.every(({ nvlinks, numaNode }) => (nvlinks ?? []).length === 0 && (numaNode ?? null) === null)) return [];
  const places = new Map(gpus.map(({ pciBusId }, place) => [shortBus(pciBusId), place]));
  const switched = gpus.map(({ nvlinks = [] }) => nvlinks.reduce((sum, link) => (link.kind === "switch" ? sum + link.links : sum), 0));
  const matrix = gpus.map((one, row) =>
    gpus.map((other, column) =>
      row === column ? 0 : LINK_WEIGHT * Math.min(switched[row] ?? 0, switched[column] ?? 0) + near(one, other),
    ),
  );
  for (const [row, { nvlinks = [] }] of gpus.entries()) {
    for (const link of nvlinks) {
      const column = link.kind === "gpu" ? places.get(shortBus(link.pciBusId)) : undefined;
      const weights = matrix[row];
      if (weights !== undefined && column !== undefined) weights[column] = (weights[column] ?? 0) + LINK_WEIGHT * link.links;
    }
  }
  return matrix;
}

function near({ numaNode: one = null }: LinkedGpu, { numaNode: other = null }: LinkedGpu): number {
  return one !== null && one === other ? 1 : 0;
}

/** NVML writes the domain with 8 digits, sysfs with 4. */
function shortBus(id: string): string {
  return id.toLowerCase().replace(/^0{4}(?=[0-9a-f]{4}:)/, "");
}

function bestSet(weights: readonly number[][], count: number): number[] {
  let best: { set: number[]; inside: number; cut: number } | null = null;
  const visit = (set: number[], from: number) => {
    if (set.length === count) {
      const { inside, cut } = linksOf(set, weights);
      if (best === null || inside > best.inside || (inside === best.inside && cut < best.cut)) best = { set: [...set], inside, cut };
      return;
    }
    for (let place = from; place <= weights.length - (count - set.length); place += 1) visit([...set, place], place + 1);
  };
  visit([], 0);
  return (best as { set: number[] } | null)?.set ?? [];
}

/** Weight of the links within the set, and of those from it to the GPUs left. */
function linksOf(set: readonly number[], weights: readonly number[][]): { inside: number; cut: number } {
  let [inside, cut] = [0, 0];
  for (const row of set) {
    for (const [column, weight] of (weights[row] ?? []).entries()) {
      if (set.includes(column)) inside += weight / 2;
      else cut += weight;
    }
  }
  return { inside, cut };
}

/** One GPU after the other, each the best linked to those taken. */
function greedySet(weights: readonly number[][], count: number): number[] {
  const set: number[] = [];
  while (set.length < count) {
    let best = -1;
    let highest = Number.NEGATIVE_INFINITY;
    for (const [place, row] of weights.entries()) {
      if (set.includes(place)) continue;
      const total = row.reduce((sum, weight) => sum + weight, 0);
      const inside = set.reduce((sum, other) => sum + (row[other] ?? 0), 0);
      if (inside * 1e6 - total > highest) [best, highest] = [place, inside * 1e6 - total];
    }
    set.push(best);
  }
  return set.sort((left, right) => left - right);
}

function setsOf(size: number, count: number): number {
  let sets = 1;
  for (let step = 1; step <= Math.min(count, size - count); step += 1) sets = (sets * (size - step + 1)) / step;
  return sets;
}
