import { jainIndex, mean, type Quantiles, quantiles } from "./quantiles.ts";
import type { ReplayedJob } from "./run-replay.ts";
import type { ShareTaken } from "./share-meter.ts";

/** How one project fared. */
export interface ProjectFairness {
  project: string;
  jobs: number;
  gpuHours: number;
  /** What it was entitled to while its jobs ran or waited: guarantees first, then by weight (see entitlement.ts). */
  entitledGpuHours: number;
  /** got / entitled: below 1 others had what was its own for a time, above 1 it had what others did not ask for in time. */
  gotOfEntitled: number;
  queueing: Quantiles;
  /** Mean of JCT / duration. */
  slowdown: number;
}

export interface Fairness {
  /** Jain's index over the projects' got / entitled. */
  shares: number;
  /** The least got / entitled of any project. */
  worstOff: number;
  /** Jain's index over the projects' mean slowdown. */
  slowdowns: number;
  projects: ProjectFairness[];
}

/** By project, in alphabetical order. */
export function fairnessReport(done: readonly ReplayedJob[], shares: ReadonlyMap<string, ShareTaken>): Fairness {
  const byProject = new Map<string, ReplayedJob[]>();
  for (const run of done) {
    const runs = byProject.get(run.job.project);
    if (runs === undefined) byProject.set(run.job.project, [run]);
    else runs.push(run);
  }
  const projects = [...byProject]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, runs]) => fairnessOf(name, runs, shares.get(name)));
  const ratios = projects.filter(({ entitledGpuHours }) => entitledGpuHours > 0).map(({ gotOfEntitled }) => gotOfEntitled);
  return {
    shares: jainIndex(ratios),
    worstOff: ratios.length === 0 ? 1 : Math.min(...ratios),
    slowdowns: jainIndex(projects.map(({ slowdown }) => slowdown)),
    projects,
  };
}

function fairnessOf(
  project: string,
  runs: readonly ReplayedJob[],
  { got, entitled }: ShareTaken = { got: 0, entitled: 0 },
): ProjectFairness {
  return {
    ...{ project, jobs: runs.length, gpuHours: got / 3600, entitledGpuHours: entitled / 3600 },
    gotOfEntitled: entitled === 0 ? 1 : got / entitled,
    queueing: quantiles(runs.map(({ job, firstStart }) => firstStart - job.submitSeconds)),
    slowdown: mean(runs.map(({ job, end }) => (end - job.submitSeconds) / job.durationSeconds)),
  };
}
