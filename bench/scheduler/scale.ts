import { mkdirSync, writeFileSync } from "node:fs";
import type { ClusterSnapshot } from "../../src/control/scheduler/index.ts";
import { lineChart } from "../../src/control/simulator/index.ts";
import { type Row, row } from "../measure.ts";
import type { BenchPart } from "./part.ts";
import { scaleCluster } from "./scale-cluster.ts";
import { type Cost, costOf, EVENTS, ROUNDS, WARM_UP } from "./scale-cost.ts";
import { VARIANTS } from "./scale-variants.ts";

/** Two lines through the largest size: more nodes, and more jobs. */
const BY_NODES = [1000, 2000, 5000, 10_000].map((nodes) => [nodes, 100_000] as const);
const BY_JOBS = [1000, 3000, 10_000, 30_000].map((pending) => [10_000, pending] as const);
const LOAD = 0.95;

/** By size, and at the largest size by what a real cluster adds: projects, time limits and so on. */
export async function scalePart(): Promise<BenchPart> {
  const costs = [...BY_JOBS, ...BY_NODES].map(([nodes, pending]) => ({ nodes, pending, ...costOf(sized(nodes, pending)) }));
  const largest = costs.at(-1);
  if (largest === undefined) throw new Error("no size was measured");
  const rows: Row[] = rowsOf("", largest);
  const variants = Object.entries(VARIANTS).map(([name, { add, what }]) => {
    const cost = costOf(add(sized(largest.nodes, largest.pending)));
    rows.push(...rowsOf(`-${name}`, cost));
    return { name, what, ...cost };
  });
  draw(
    "nodes",
    costs.filter(({ pending }) => pending === largest.pending),
  );
  draw(
    "pending",
    costs.filter(({ nodes }) => nodes === largest.nodes),
  );
  const lines = costs.map(
    ({ nodes, pending, full, incremental, placed, memoryMib }) =>
      `| ${nodes} | ${pending} | ${full.toFixed(0)} | ${incremental.toFixed(1)} | ${placed} | ${memoryMib.toFixed(0)} |\n`,
  );
  const table = variants.map(
    ({ name, what, full, incremental, placed, memoryMib }) =>
      `| ${name} | ${what} | ${full.toFixed(0)} | ${incremental.toFixed(1)} | ${placed} | ${memoryMib.toFixed(0)} |\n`,
  );
  const added = `\n10,000 nodes and 100,000 pending jobs with what a real cluster adds:\n\n| variant | what | full cycle, ms | incremental, ms | placements of the full cycle | resident MiB |\n|---|---|---|---|---|---|\n${table.join("")}`;
  const markdown = `## Cost against size\n\n8 GPUs a node, ${LOAD * 100} % of them taken; medians of CPU milliseconds.\n\n| nodes | pending jobs | full cycle, ms | incremental, ms | placements of the full cycle | resident MiB |\n|---|---|---|---|---|---|\n${lines.join("")}\n![cost against nodes](charts/scale-nodes.svg)\n![cost against pending jobs](charts/scale-pending.svg)\n${added}`;
  return { name: "scale", rows, notes: ["CPU time of one process; resident memory includes the cluster itself."], markdown };
}

/** A straight line from the origin is linear; ten incremental cycles are drawn, so that they can be seen beside a full one. */
function draw(by: "nodes" | "pending", costs: readonly (Cost & { nodes: number; pending: number })[]): void {
  const points = (y: (cost: Cost) => number) => costs.map((cost) => ({ x: cost[by], y: y(cost) }));
  const lines = [
    { name: "full cycle", points: points(({ full }) => full) },
    { name: "10 incremental cycles", points: points(({ incremental }) => incremental * 10) },
  ];
  const [fixed, what] = by === "nodes" ? ["100,000 pending jobs", "nodes"] : ["10,000 nodes", "pending jobs"];
  mkdirSync("bench/scheduler/charts", { recursive: true });
  writeFileSync(
    `bench/scheduler/charts/scale-${by}.svg`,
    lineChart({ title: `Cost of a cycle, ${fixed}`, xTitle: what, yTitle: "CPU ms", lines }),
  );
}

function sized(nodes: number, pending: number): ClusterSnapshot {
  return scaleCluster({ nodes, pending, load: LOAD });
}

function rowsOf(suffix: string, { full, incremental, memoryMib }: Cost): Row[] {
  return [
    { ...row(`cycle-full${suffix}`, full, null, "ms", ROUNDS), limit: 1000 },
    { ...row(`cycle-incremental${suffix}`, incremental, null, "ms", EVENTS - WARM_UP), limit: 20 },
    { ...row(`cycle-memory${suffix}`, memoryMib, null, "MiB", 1), limit: 1024 },
  ];
}
