import type { ProjectFairness, Simulation } from "../../control/simulator/index.ts";
import type { Column } from "./table.ts";

type Row = readonly [string, string];

export const SUMMARY_COLUMNS: readonly Column<Row>[] = [
  { title: "MEASURE", value: ([name]) => name },
  { title: "VALUE", value: ([, value]) => value, align: "right" },
];

export const PROJECT_COLUMNS: readonly Column<ProjectFairness>[] = [
  { title: "PROJECT", value: ({ project }) => project },
  { title: "JOBS", value: ({ jobs }) => jobs, align: "right" },
  { title: "GPU-H", value: ({ gpuHours }) => number(gpuHours), align: "right" },
  { title: "ENTITLED GPU-H", value: ({ entitledGpuHours }) => number(entitledGpuHours), align: "right" },
  { title: "GOT/ENTITLED", value: ({ gotOfEntitled }) => gotOfEntitled.toFixed(3), align: "right" },
  { title: "WAIT AVG, S", value: ({ queueing }) => number(queueing.average), align: "right" },
  { title: "WAIT P99, S", value: ({ queueing }) => number(queueing.p99), align: "right" },
  { title: "SLOWDOWN", value: ({ slowdown }) => number(slowdown), align: "right" },
];

/** What became of the run, line by line. */
export function summaryRows(simulation: Simulation): Row[] {
  if (simulation.kind === "placement") {
    return simulation.allocation
      .filter(({ asked }) => asked % 10 === 0 || asked === 95)
      .map(({ asked, allocated }) => [`allocated at ${asked} % asked`, `${allocated.toFixed(2)} %`]);
  }
  if (simulation.kind === "muri") {
    const { averageJct, p99Jct, makespan } = simulation.result;
    return [
      ["JCT average, s", number(averageJct)],
      ["JCT p99, s", number(p99Jct)],
      ["makespan, s", number(makespan)],
    ];
  }
  const { report } = simulation;
  const { jct, queueing } = report;
  return [
    ["jobs", number(report.jobs)],
    ["never started", number(report.neverStarted.length)],
    ["JCT average, s", number(jct.average)],
    ["JCT p50, s", number(jct.p50)],
    ["JCT p99, s", number(jct.p99)],
    ["queueing average, s", number(queueing.average)],
    ["queueing p50, s", number(queueing.p50)],
    ["queueing p99, s", number(queueing.p99)],
    ["makespan, s", number(report.makespan)],
    ["allocation, % of GPU time", number(report.allocationPercent)],
    ["utilisation, % of GPU time", number(report.utilisationPercent)],
    ["fragmented, % of GPUs", number(report.fragmentedPercent)],
    ["preemptions", number(report.preemptions)],
    ["moves among them", number(report.moves)],
    ["lost since the last checkpoint, GPU-s", number(report.lostGpuSeconds)],
    ["restarts and checkpoints, GPU-s", number(report.overheadGpuSeconds)],
    ["fairness of shares (Jain, 1 is equal)", report.fairness.shares.toFixed(3)],
    ["fairness of slowdowns (Jain)", report.fairness.slowdowns.toFixed(3)],
    ["worst-off project, got of entitled", report.fairness.worstOff.toFixed(3)],
  ];
}

function number(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 1 });
}
