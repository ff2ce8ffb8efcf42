import type { FreeNode } from "../feasible/free-capacity.ts";

/**
 * Best fit: the node with the fewest free GPUs (all replicas take the same number, so also the fewest left over), so that whole nodes stay free for large jobs (and
 * jobs without GPUs stay away from GPUs); then the one left with the least CPU, then memory; then by id.
 * Returns less than zero when `left` is better.
 */
export function compareFit(left: FreeNode, right: FreeNode): number {
  return (
    left.gpus.length - right.gpus.length ||
    left.cpuMillis - right.cpuMillis ||
    left.memoryBytes - right.memoryBytes ||
    (left.node.id < right.node.id ? -1 : 1)
  );
}
