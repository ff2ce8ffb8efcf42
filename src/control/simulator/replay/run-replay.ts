import type { ClusterSnapshot } from "../../scheduler/index.ts";
import { type FinishedRun, runEventLoop, type SimulatedJob } from "../event-loop.ts";
import type { ReplayJob, ReplayNode } from "./replay-job.ts";
import { type ReplaySample, Sampler } from "./sampler.ts";
import { capacityOf, pendingOf } from "./snapshot-parts.ts";

export interface ReplayOptions {
  jobs: readonly ReplayJob[];
  nodes: readonly ReplayNode[];
  policy: Pick<ClusterSnapshot, "queueing" | "placement" | "projects">;
  /** Lost by a preempted job when it starts again. */
  restartSeconds: number;
  /** While jobs wait the scheduler looks again this often. */
  passSeconds: number;
}

export type ReplayedJob = FinishedRun<ReplayJob>;

export interface Replay {
  done: ReplayedJob[];
  /** Jobs that the empty cluster cannot run. */
  neverStarted: ReplayJob[];
  samples: ReplaySample[];
  /** GPU-seconds held by jobs. */
  gpuSeconds: number;
  totalGpus: number;
}

/** The trace under `decide`. The same input gives the same result. */
export function runReplay({ jobs, nodes, policy, restartSeconds, passSeconds }: ReplayOptions): Replay {
  const machines = nodes.map(capacityOf);
  const sampler = new Sampler(machines, jobs);
  const simulated = (job: ReplayJob): SimulatedJob => ({
    ...{ submitSeconds: job.submitSeconds, durationSeconds: job.durationSeconds, timeLimitSeconds: job.timeLimitSeconds },
    ...{ restartSeconds, group: `${job.project}/${job.user}`, gpus: job.gpus * job.replicas, pending: pendingOf(job) },
  });
  return { ...runEventLoop({ jobs, simulated, nodes: machines, policy, passSeconds, sampler }), ...sampler.result() };
}
