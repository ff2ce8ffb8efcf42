import type { ReplaySample } from "../replay/sampler.ts";
import type { Simulation } from "../simulate.ts";
import { lineChart, panelChart } from "./line-chart.ts";

/** The largest unit of which the span has a few. */
const UNITS = [
  { name: "days", seconds: 86_400 },
  { name: "hours", seconds: 3600 },
  { name: "minutes", seconds: 60 },
  { name: "seconds", seconds: 1 },
] as const;
const A_FEW = 3;

/** The run as an SVG document; null where there is nothing over time. */
export function simulationChart(simulation: Simulation): string | null {
  if (simulation.kind === "muri") return null;
  if (simulation.kind === "replay") return replayChart(simulation.report.samples);
  const points = simulation.allocation.map(({ asked, allocated }) => ({ x: asked, y: allocated }));
  return lineChart({
    ...{
      title: `GPU allocation under ${simulation.policy}`,
      xTitle: "GPUs asked for, % of the cluster",
      yTitle: "allocated, % of all GPUs",
    },
    lines: [{ name: simulation.policy, points }],
  });
}

function replayChart(samples: readonly ReplaySample[]): string {
  const [first, last] = [samples[0]?.seconds ?? 0, samples.at(-1)?.seconds ?? 0];
  const unit = UNITS.find(({ seconds }) => last - first >= A_FEW * seconds) ?? UNITS[3];
  const line = (name: string, value: (sample: ReplaySample) => number) => ({
    name,
    points: samples.map((sample) => ({ x: (sample.seconds - first) / unit.seconds, y: value(sample) })),
  });
  return panelChart({
    ...{ title: "The cluster over time", xTitle: `${unit.name} since the first job` },
    panels: [
      {
        ...{ yTitle: "% of all GPUs", bounds: { least: 0, most: 100 } },
        lines: [
          line("allocated", ({ allocatedPercent }) => allocatedPercent),
          line("utilised", ({ utilisedPercent }) => utilisedPercent),
          line("fragmented", ({ fragmentedPercent }) => fragmentedPercent),
        ],
      },
      { yTitle: "jobs", bounds: { least: 0 }, lines: [line("waiting", ({ waiting }) => waiting)] },
    ],
  });
}
