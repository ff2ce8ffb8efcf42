import type { Replay, ReplayedJob } from "./run-replay.ts";
import type { ReplaySample } from "./sampler.ts";

export interface Quantiles {
  average: number;
  p50: number;
  p99: number;
}

/** What a simulated run comes to; times in seconds. */
export interface ReplayReport {
  jobs: number;
  /** Larger than the cluster, or bound to nodes it has not. */
  neverStarted: string[];
  jct: Quantiles;
  /** From submission to the first start. */
  queueing: Quantiles;
  /** From the first submission to the last end. */
  makespan: number;
  /** GPU-seconds held by jobs, in percent of all there were until the makespan. */
  utilisationPercent: number;
  /** Mean over the samples. */
  fragmentedPercent: number;
  preemptions: number;
  /** Jain's index over the projects' mean slowdown (JCT / duration): 1 is equal, 1/n is all for one. */
  fairness: number;
  samples: ReplaySample[];
}

export function replayReport({ done, neverStarted, samples, gpuSeconds, totalGpus }: Replay): ReplayReport {
  const first = done.reduce((least, { job }) => Math.min(least, job.submitSeconds), Number.POSITIVE_INFINITY);
  const makespan = done.length === 0 ? 0 : done.reduce((last, { end }) => Math.max(last, end), 0) - first;
  return {
    jobs: done.length,
    neverStarted: neverStarted.map(({ id }) => id),
    jct: quantiles(done.map(({ job, end }) => end - job.submitSeconds)),
    queueing: quantiles(done.map(({ job, firstStart }) => firstStart - job.submitSeconds)),
    makespan,
    utilisationPercent: makespan * totalGpus === 0 ? 0 : (100 * gpuSeconds) / (makespan * totalGpus),
    fragmentedPercent: mean(samples.map(({ fragmentedPercent }) => fragmentedPercent)),
    preemptions: done.reduce((sum, { preemptions }) => sum + preemptions, 0),
    fairness: fairness(done),
    samples,
  };
}

function quantiles(values: readonly number[]): Quantiles {
  const sorted = [...values].sort((left, right) => left - right);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  return { average: mean(sorted), p50: at(0.5), p99: at(0.99) };
}

function fairness(done: readonly ReplayedJob[]): number {
  const byProject = new Map<string, number[]>();
  for (const { job, end } of done) {
    const slowdowns = byProject.get(job.project) ?? [];
    slowdowns.push((end - job.submitSeconds) / job.durationSeconds);
    byProject.set(job.project, slowdowns);
  }
  const means = [...byProject.values()].map(mean);
  const squares = means.reduce((sum, value) => sum + value * value, 0);
  return squares === 0 ? 1 : means.reduce((sum, value) => sum + value, 0) ** 2 / (means.length * squares);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
