import { mkdirSync, writeFileSync } from "node:fs";
import { type ClusterSnapshot, createIncrementalDecide, decide } from "../../src/control/scheduler/index.ts";
import { lineChart } from "../../src/control/simulator/index.ts";
import { type Row, row, summarise } from "../measure.ts";
import type { BenchPart } from "./part.ts";
import { NOW, scaleCluster } from "./scale-cluster.ts";

/** Two lines through the largest size: more nodes, and more jobs. */
const BY_NODES = [1000, 2000, 5000, 10_000].map((nodes) => [nodes, 100_000] as const);
const BY_JOBS = [1000, 3000, 10_000, 30_000].map((pending) => [10_000, pending] as const);
const ROUNDS = 5;
const EVENTS = 40;
const WARM_UP = 10;
const LOAD = 0.95;

interface Cost {
  full: number;
  incremental: number;
  placed: number;
  memoryMib: number;
}

/**
 * CPU milliseconds of this process, one core's worth: the machine may be busy with other work. A full cycle starts from
 * nothing but the snapshot; an incremental one follows one event (a job ended, or one was submitted) in a settled cluster.
 */
export async function scalePart(): Promise<BenchPart> {
  const costs = [...BY_JOBS, ...BY_NODES].map(([nodes, pending]) => ({ nodes, pending, ...costOf(nodes, pending) }));
  const largest = costs.at(-1);
  if (largest === undefined) throw new Error("no size was measured");
  const rows: Row[] = [
    { ...row("cycle-full", largest.full, null, "ms", ROUNDS), limit: 1000 },
    { ...row("cycle-incremental", largest.incremental, null, "ms", EVENTS - WARM_UP), limit: 20 },
    { ...row("cycle-memory", largest.memoryMib, null, "MiB", 1), limit: 1024 },
  ];
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
  const markdown = `## Cost against size\n\n8 GPUs a node, ${LOAD * 100} % of them taken; medians of CPU milliseconds.\n\n| nodes | pending jobs | full cycle, ms | incremental, ms | placements of the full cycle | resident MiB |\n|---|---|---|---|---|---|\n${lines.join("")}\n![cost against nodes](charts/scale-nodes.svg)\n![cost against pending jobs](charts/scale-pending.svg)\n`;
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

function costOf(nodes: number, pending: number): Cost {
  const snapshot = scaleCluster({ nodes, pending, load: LOAD });
  const full = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const spent = cpuMs(() => void decide(snapshot, NOW));
    if (round > 0) full.push(spent);
  }
  const memoryMib = process.memoryUsage().rss / 2 ** 20;
  const placed = decide(snapshot, NOW).placements.length;
  return { full: summarise(full).median, incremental: incrementalCost(settled(snapshot)), placed, memoryMib };
}

function incrementalCost(start: ClusterSnapshot): number {
  const again = createIncrementalDecide();
  let snapshot = start;
  again(snapshot, NOW);
  const spent: number[] = [];
  for (let event = 0; event < EVENTS; event += 1) {
    snapshot = event % 2 === 0 ? jobEnded(snapshot, event) : jobSubmitted(snapshot, event);
    let plan: ReturnType<typeof again> | null = null;
    const cost = cpuMs(() => {
      plan = again(snapshot, NOW);
    });
    if (event >= WARM_UP) spent.push(cost);
    if (plan !== null) snapshot = started(snapshot, plan);
  }
  return summarise(spent).median;
}

/** All that fits has started, and the queue is in order, as the store keeps it. */
function settled(snapshot: ClusterSnapshot): ClusterSnapshot {
  const { pending, ...rest } = started(snapshot, decide(snapshot, NOW));
  return {
    ...rest,
    pending: pending.toSorted(
      (one, other) => other.priority - one.priority || one.queuedAt - other.queuedAt || Number(one.id) - Number(other.id),
    ),
  };
}

function started(snapshot: ClusterSnapshot, { placements }: ReturnType<typeof decide>): ClusterSnapshot {
  if (placements.length === 0) return snapshot;
  const places = new Map(placements.map(({ jobId, assignments }) => [jobId, assignments]));
  const running = snapshot.pending.flatMap(({ id, resources }) => {
    const assignments = places.get(id);
    return assignments === undefined ? [] : [{ id, resources, assignments }];
  });
  return { ...snapshot, active: [...snapshot.active, ...running], pending: snapshot.pending.filter(({ id }) => !places.has(id)) };
}

function jobEnded(snapshot: ClusterSnapshot, event: number): ClusterSnapshot {
  const gone = (event * 7919) % snapshot.active.length;
  return { ...snapshot, active: snapshot.active.filter((_, place) => place !== gone) };
}

function jobSubmitted(snapshot: ClusterSnapshot, event: number): ClusterSnapshot {
  const like = snapshot.pending[(event * 31) % snapshot.pending.length];
  if (like === undefined) return snapshot;
  return { ...snapshot, pending: [...snapshot.pending, { ...like, id: String(9_000_000 + event), priority: 0, queuedAt: NOW }] };
}

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
