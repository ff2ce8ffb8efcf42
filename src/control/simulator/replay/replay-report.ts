import { type Fairness, fairnessReport } from "./fairness-report.ts";
import { mean, type Quantiles, quantiles } from "./quantiles.ts";
import type { Replay, ReplayedJob } from "./run-replay.ts";
import type { ReplaySample } from "./sampler.ts";

/** What a simulated run comes to; times in seconds, percents of all GPU-seconds until the makespan. */
export interface ReplayReport {
  jobs: number;
  /** Larger than the cluster, or bound to nodes it has not. */
  neverStarted: string[];
  jct: Quantiles;
  /** From submission to the first start. */
  queueing: Quantiles;
  /** From the first submission to the last end. */
  makespan: number;
  /** Held by jobs. */
  allocationPercent: number;
  /** On which something was computed that was not lost. */
  utilisationPercent: number;
  /** Mean over the samples. */
  fragmentedPercent: number;
  /** Times that a job was stopped for another, the moves of `--defragment` among them. */
  preemptions: number;
  moves: number;
  /** Computed again, because it came after the last checkpoint. */
  lostGpuSeconds: number;
  /** Held while jobs came back, wrote checkpoints and stopped. */
  overheadGpuSeconds: number;
  fairness: Fairness;
  samples: ReplaySample[];
}

/** Of an empty trace every figure is 0; a job that never started counts in `neverStarted` alone. */
export function replayReport({ done, neverStarted, samples, totalGpus, shares }: Replay): ReplayReport {
  const first = done.reduce((least, { job }) => Math.min(least, job.submitSeconds), Number.POSITIVE_INFINITY);
  const makespan = done.length === 0 ? 0 : done.reduce((last, { end }) => Math.max(last, end), 0) - first;
  const sum = (value: (run: ReplayedJob) => number) => done.reduce((total, run) => total + value(run), 0);
  const [held, worked, lost] = [sum((run) => run.heldGpuSeconds), sum((run) => run.workGpuSeconds), sum((run) => run.lostGpuSeconds)];
  const percent = (gpuSeconds: number) => (makespan * totalGpus === 0 ? 0 : (100 * gpuSeconds) / (makespan * totalGpus));
  return {
    jobs: done.length,
    neverStarted: neverStarted.map(({ id }) => id),
    jct: quantiles(done.map(({ job, end }) => end - job.submitSeconds)),
    queueing: quantiles(done.map(({ job, firstStart }) => firstStart - job.submitSeconds)),
    makespan,
    allocationPercent: percent(held),
    utilisationPercent: percent(worked - lost),
    fragmentedPercent: mean(samples.map(({ fragmentedPercent }) => fragmentedPercent)),
    preemptions: sum(({ preemptions }) => preemptions),
    moves: sum(({ moves }) => moves),
    lostGpuSeconds: toMillis(lost),
    overheadGpuSeconds: toMillis(held - worked),
    fairness: fairnessReport(done, shares),
    samples,
  };
}

/** Sums of fractions miss by less. */
function toMillis(seconds: number): number {
  return Math.max(0, Math.round(seconds * 1000) / 1000);
}
