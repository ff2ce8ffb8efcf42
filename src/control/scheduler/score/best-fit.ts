import type { FreeNode } from "../feasible/free-capacity.ts";

/** Smaller is better, first number first. */
export type Rank = readonly number[];

/**
 * Best fit: the node with the fewest free GPUs (all replicas take the same number, so also the fewest left over), so that whole nodes stay free for large jobs (and
 * jobs without GPUs stay away from GPUs); then the one left with the least CPU, then memory.
 */
export function rankOf({ gpus, cpuMillis, memoryBytes }: FreeNode): Rank {
  return [gpus.length, cpuMillis, memoryBytes];
}

export function compareRanks(left: Rank, right: Rank): number {
  for (let place = 0; place < left.length; place += 1) {
    const difference = (left[place] ?? 0) - (right[place] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
