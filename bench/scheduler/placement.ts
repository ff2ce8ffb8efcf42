import { mkdirSync, writeFileSync } from "node:fs";
import {
  lineChart,
  openbNodes,
  openbPods,
  PLACEMENT_POLICIES,
  type PlacementPolicyName,
  runPlacement,
} from "../../src/control/simulator/index.ts";
import { traceTable, traceText } from "../../test/support/traces.ts";
import { type Row, row } from "../measure.ts";
import type { BenchPart } from "./part.ts";

const LISTS = ["default", "cpu100", "gpushare40", "gpuspec10", "multigpu20"];
const SEEDS = [42, 43, 44, 45, 46, 47, 48, 49, 50, 51].slice(0, Number(process.env.BENCH_SEEDS ?? 10));
const PUBLISHED: Partial<Record<PlacementPolicyName, string>> = {
  random: "01-Random",
  "dot-product": "02-DotProd",
  "gpu-clustering": "03-GpuClustering",
  "gpu-packing": "04-GpuPacking",
  "best-fit": "05-BestFit",
  fgd: "06-FGD",
};

interface Cell {
  list: string;
  policy: PlacementPolicyName;
  /** Percent allocated when 100 % and 130 % were asked for, by seed. */
  at100: number[];
  at130: number[];
  curve: { x: number; y: number }[];
}

/** The experiment of FGD (USENIX ATC'23, figures 7 to 14) on its five lists, every policy and seed, Berth's own beside them. */
export async function placementPart(): Promise<BenchPart> {
  const nodes = openbNodes(traceText("openb_nodes.csv.gz"));
  const cells: Cell[] = [];
  for (const list of LISTS) {
    const pods = openbPods(traceText(`openb_pods_${list}.csv.gz`));
    for (const policy of PLACEMENT_POLICIES) {
      const curves = SEEDS.map((seed) => runPlacement({ nodes, pods, policy, seed }));
      const at = (percent: number) => curves.map((curve) => curve.get(percent) ?? Number.NaN);
      const percents = [...(curves[0]?.keys() ?? [])].filter((percent) => percent >= 80);
      const curve = percents.map((x) => ({ x, y: mean(at(x).filter(Number.isFinite)) }));
      cells.push({ list, policy, at100: at(100), at130: at(130), curve });
      process.stderr.write(`${list} ${policy}: ${mean(at(100)).toFixed(2)} %\n`);
    }
  }
  drawCharts(cells);
  return { name: "placement", rows: rowsOf(cells), notes: NOTES, markdown: markdownOf(cells) };
}

const NOTES = [
  "Percent of the 6,212 GPUs of the openb cluster that are allocated when pods asked for 100 % of them; mean over the seeds 42 to 51. Peers are reimplemented from their published rules and stay within 0.5 points of the published means.",
  "allocation-vs-fgd is the ratio of the means over all lists, above 1 is better than FGD; unallocated-vs-fgd is the ratio of what stays unallocated, below 1 is better.",
];

function rowsOf(cells: readonly Cell[]): Row[] {
  const of = (list: string, policy: PlacementPolicyName) => mean(cellOf(cells, list, policy).at100);
  const over = (policy: PlacementPolicyName) => mean(LISTS.map((list) => of(list, policy)));
  const fgd = (value: number) => ({ name: "FGD (ATC'23), same run", value });
  const worst = Math.max(
    ...cells.flatMap((cell) => {
      const published = publishedMean(cell.list, cell.policy);
      return published === null ? [] : [Math.abs(mean(cell.at100) - published)];
    }),
  );
  return [
    { ...row("allocation-vs-fgd", over("berth"), fgd(over("fgd")), "%", SEEDS.length), ratio: round(over("berth") / over("fgd")) },
    ...LISTS.map((list) => ({
      ...row(`allocation-vs-fgd-${list}`, of(list, "berth"), fgd(of(list, "fgd")), "%", SEEDS.length),
      ratio: round(of(list, "berth") / of(list, "fgd")),
    })),
    { ...row("unallocated-vs-fgd", 100 - over("berth"), fgd(100 - over("fgd")), "%", SEEDS.length), limit: 0.8 },
    { ...row("simulator-vs-published-worst", worst, null, "points", SEEDS.length), limit: 0.5 },
  ];
}

function markdownOf(cells: readonly Cell[]): string {
  const header = `| list | ${PLACEMENT_POLICIES.join(" | ")} |\n|---|${PLACEMENT_POLICIES.map(() => "---").join("|")}|\n`;
  const table = (text: (cell: Cell) => string) =>
    header +
    LISTS.map((list) => `| ${list} | ${PLACEMENT_POLICIES.map((policy) => text(cellOf(cells, list, policy))).join(" | ")} |\n`).join("");
  const difference = (cell: Cell) => {
    const published = publishedMean(cell.list, cell.policy);
    return published === null ? "" : signed(mean(cell.at100) - published);
  };
  const ratios = LISTS.map((list) => {
    const [ours, fgd] = [mean(cellOf(cells, list, "berth").at100), mean(cellOf(cells, list, "fgd").at100)];
    return `| ${list} | ${(ours / fgd).toFixed(4)} | ${((100 - ours) / (100 - fgd)).toFixed(3)} |\n`;
  }).join("");
  return [
    "## Placement\n\nGPUs allocated, % of 6,212, when 100 % of them were asked for (mean ± deviation over the seeds):\n\n",
    table((cell) => `${mean(cell.at100).toFixed(2)} ± ${deviation(cell.at100).toFixed(2)}`),
    "\nThe same at 130 %:\n\n",
    table((cell) => mean(cell.at130).toFixed(2)),
    "\nDifference to the published mean, points:\n\n",
    table(difference),
    "\n`berth` against `fgd`:\n\n| list | allocated, ratio | unallocated, ratio |\n|---|---|---|\n",
    ratios,
    `\n${LISTS.map((list) => `![${list}](charts/placement-${list}.svg)`).join("\n")}\n`,
  ].join("");
}

function drawCharts(cells: readonly Cell[]): void {
  mkdirSync("bench/scheduler/charts", { recursive: true });
  for (const list of LISTS) {
    const lines = cells.filter((cell) => cell.list === list).map(({ policy, curve }) => ({ name: policy, points: curve }));
    const chart = lineChart({ title: `GPU allocation, list ${list}`, xTitle: "GPUs asked for, %", yTitle: "allocated, %", lines });
    writeFileSync(`bench/scheduler/charts/placement-${list}.svg`, chart);
  }
}

function cellOf(cells: readonly Cell[], list: string, policy: PlacementPolicyName): Cell {
  const cell = cells.find((candidate) => candidate.list === list && candidate.policy === policy);
  if (cell === undefined) throw new Error(`no run of ${policy} on ${list}`);
  return cell;
}

function publishedMean(list: string, policy: PlacementPolicyName): number | null {
  const found = traceTable("openb_published.csv").find((entry) => entry["workload"] === list && entry["policy"] === PUBLISHED[policy]);
  return found === undefined ? null : Number(found["alloc100_mean"]);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return values.length < 2 ? 0 : Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

function signed(value: number): string {
  return `${value < 0 ? "" : "+"}${value.toFixed(2)}`;
}
