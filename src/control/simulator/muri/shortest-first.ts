import type { MuriPolicy, MuriRun } from "./muri-policy.ts";

/** Shortest remaining time (SRTF), or remaining time x GPUs (SRSF), first; what does not fit is passed over. */
export function shortestFirst(measure: "srtf" | "srsf", nodes: number, gpusPerNode: number): MuriPolicy {
  let list: MuriRun[] = [];
  const size = measure === "srtf" ? (run: MuriRun) => run.remaining : (run: MuriRun) => run.remaining * run.job.gpus;
  return {
    arrive: (run) => list.push(run),
    leave: (run) => {
      list = list.filter((other) => other !== run);
    },
    jobs: () => list,
    schedule: () => {
      list.sort((left, right) => size(left) - size(right));
      const free = new Array<number>(nodes).fill(gpusPerNode);
      for (const run of list) run.running = place(free, run.job.gpus, gpusPerNode);
    },
    nextEvent: () => Number.POSITIVE_INFINITY,
  };
}

/** Up to a node's GPUs: the first node with room. More: whole free nodes, and the rest on the first other one with room. */
function place(free: number[], gpus: number, gpusPerNode: number): boolean {
  const whole: number[] = [];
  for (const [node, left] of free.entries()) if (left === gpusPerNode && whole.length < Math.floor(gpus / gpusPerNode)) whole.push(node);
  const rest = gpus % gpusPerNode;
  if (whole.length < Math.floor(gpus / gpusPerNode)) return false;
  const last = rest === 0 ? -1 : free.findIndex((left, node) => left >= rest && !whole.includes(node));
  if (rest > 0 && last === -1) return false;
  for (const node of whole) free[node] = 0;
  if (last !== -1) free[last] = (free[last] ?? 0) - rest;
  return true;
}
