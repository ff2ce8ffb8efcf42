import { GPUS_PER_NODE } from "./partition-trace.ts";

/** Node and GPUs taken there. */
export type Taken = [node: number, gpus: number][];

/** Up to a node's GPUs: the node with the least free GPUs that fits. More: whole free nodes, the rest on the freest other. Books it. */
export function placePeer(free: number[], gpus: number): Taken | null {
  const whole = gpus <= GPUS_PER_NODE ? 0 : Math.floor(gpus / GPUS_PER_NODE);
  const taken: Taken = [];
  for (const [node, left] of free.entries()) if (taken.length < whole && left === GPUS_PER_NODE) taken.push([node, GPUS_PER_NODE]);
  if (taken.length < whole) return null;
  const rest = gpus - whole * GPUS_PER_NODE;
  if (rest > 0) {
    const node = whole === 0 ? tightest(free, rest) : freest(free, rest, taken);
    if (node === -1) return null;
    taken.push([node, rest]);
  }
  for (const [node, count] of taken) free[node] = (free[node] ?? 0) - count;
  return taken;
}

function tightest(free: readonly number[], gpus: number): number {
  let best = -1;
  for (const [node, left] of free.entries()) if (left >= gpus && (best === -1 || left < (free[best] ?? 0))) best = node;
  return best;
}

function freest(free: readonly number[], gpus: number, taken: Taken): number {
  const used = new Set(taken.map(([node]) => node));
  let best = -1;
  for (const [node, left] of free.entries()) {
    if (left >= gpus && !used.has(node) && (best === -1 || left > (free[best] ?? 0))) best = node;
  }
  return best;
}
