import type { FreeNode } from "../feasible/free-capacity.ts";

const CPU_BITS = 2 ** 22;
const MEMORY_BITS = 2 ** 24;
/** 64 TiB in these need 24 bits: with 22 of CPU (4096 CPUs) and 7 of GPUs they fill a double's 53. */
const MEMORY_UNIT = 4 * 2 ** 20;

/**
 * Best fit; smaller is better: the node with the fewest free GPUs (all replicas take the same number, so also the fewest
 * left over), so that whole nodes stay free for large jobs and jobs without GPUs stay away from GPUs; then the one left
 * with the least CPU, then memory. One number: comparing arrays costs more than all the rest of a placement.
 */
export function rankOf({ gpus, cpuMillis, memoryBytes }: FreeNode): number {
  const cpus = Math.min(CPU_BITS - 1, Math.max(0, cpuMillis));
  const memory = Math.min(MEMORY_BITS - 1, Math.max(0, Math.floor(memoryBytes / MEMORY_UNIT)));
  return (gpus.length * CPU_BITS + cpus) * MEMORY_BITS + memory;
}
