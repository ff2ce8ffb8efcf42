import { mean, quantile } from "../replay/quantiles.ts";
import type { FinishedRun } from "../run.ts";
import { GPUS_PER_NODE, type PartitionJob } from "./partition-trace.ts";

export type JobRun = Pick<FinishedRun<PartitionJob>, "job" | "firstStart" | "end" | "preemptions">;

export interface QueueReport {
  jobs: number;
  avgJct: number;
  p50Jct: number;
  p90Jct: number;
  p99Jct: number;
  /** Waits until the first start. */
  avgWait: number;
  p99Wait: number;
  maxWait: number;
  preemptions: number;
  makespan: number;
  /** Jobs larger than a node. */
  gangs: number;
  gangsAvgJct: number;
  gangsP99Wait: number;
}

/** Seconds, by the definitions of the published figures that it is compared with. */
export function reportOf(runs: readonly JobRun[]): QueueReport {
  const jcts = sorted(runs.map(({ job, end }) => end - job.submitSeconds));
  const waits = sorted(runs.map(waitOf));
  const gangs = runs.filter(({ job }) => job.gpus > GPUS_PER_NODE);
  return {
    jobs: runs.length,
    avgJct: mean(jcts),
    p50Jct: quantile(jcts, 0.5),
    p90Jct: quantile(jcts, 0.9),
    p99Jct: quantile(jcts, 0.99),
    avgWait: mean(waits),
    p99Wait: quantile(waits, 0.99),
    maxWait: waits.at(-1) ?? 0,
    preemptions: runs.reduce((sum, run) => sum + run.preemptions, 0),
    makespan: runs.reduce((last, { end }) => Math.max(last, end), 0),
    gangs: gangs.length,
    gangsAvgJct: mean(gangs.map(({ job, end }) => end - job.submitSeconds)),
    gangsP99Wait: quantile(sorted(gangs.map(waitOf)), 0.99),
  };
}

function waitOf({ job, firstStart }: JobRun): number {
  return firstStart - job.submitSeconds;
}

function sorted(values: number[]): number[] {
  return values.sort((left, right) => left - right);
}
