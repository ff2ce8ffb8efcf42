import type { Simulation } from "../simulate.ts";
import { lineChart } from "./line-chart.ts";

const DAY = 86_400;

/** The run as an SVG document; null where there is nothing over time. */
export function simulationChart(simulation: Simulation): string | null {
  if (simulation.kind === "muri") return null;
  if (simulation.kind === "placement") {
    const points = simulation.allocation.map(({ asked, allocated }) => ({ x: asked, y: allocated }));
    return lineChart({
      ...{ title: `GPU allocation under ${simulation.policy}`, xTitle: "GPUs asked for, % of the cluster", yTitle: "allocated, %" },
      lines: [{ name: simulation.policy, points }],
    });
  }
  const { samples } = simulation.report;
  const days = (value: (sample: (typeof samples)[number]) => number) =>
    samples.map((sample) => ({ x: sample.seconds / DAY, y: value(sample) }));
  const mostWaiting = samples.reduce((most, { waiting }) => Math.max(most, waiting), 1);
  return lineChart({
    ...{ title: "The cluster over time", xTitle: "days", yTitle: "% of all GPUs" },
    lines: [
      { name: "allocated", points: days(({ allocatedPercent }) => allocatedPercent) },
      { name: "fragmented", points: days(({ fragmentedPercent }) => fragmentedPercent) },
      { name: `waiting (100 = ${mostWaiting})`, points: days(({ waiting }) => (100 * waiting) / mostWaiting) },
    ],
  });
}
