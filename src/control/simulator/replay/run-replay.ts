import type { ClusterSnapshot, NodeCapacity, ProjectShare } from "../../scheduler/index.ts";
import type { Saving } from "../checkpoint-time.ts";
import { runEventLoop } from "../event-loop.ts";
import type { FinishedRun, SimulatedJob } from "../run.ts";
import { createProjectUsage } from "./project-usage.ts";
import type { ReplayJob } from "./replay-job.ts";
import { type ReplaySample, ReplaySampler } from "./sampler.ts";
import { ShareMeter, type ShareTaken } from "./share-meter.ts";
import { pendingOf } from "./snapshot-parts.ts";
import { startableJobs } from "./startable.ts";

/** What the operator chooses; seconds. */
export interface ReplaySettings {
  /** Lost by a preempted job when it starts again. */
  restartSeconds: number;
  /** While jobs wait the scheduler looks again this often. */
  passSeconds: number;
  /** Between two checkpoints of jobs of which the trace says nothing: 0 is none; absent: stopped jobs lose nothing. */
  checkpointSeconds?: number;
  /** What a checkpoint takes. */
  checkpointCostSeconds?: number;
  /** What a job has for one when it is asked to stop. */
  checkpointGraceSeconds?: number;
  /** Jobs that may be moved within an hour so that others can start; absent moves none. */
  movesPerHour?: number;
}

export interface ReplayOptions extends ReplaySettings {
  jobs: readonly ReplayJob[];
  nodes: NodeCapacity[];
  policy: Pick<ClusterSnapshot, "queueing" | "placement" | "projects">;
}

export type ReplayedJob = FinishedRun<ReplayJob>;

export interface Replay {
  done: ReplayedJob[];
  /** Jobs that the empty cluster cannot run. */
  neverStarted: ReplayJob[];
  samples: ReplaySample[];
  totalGpus: number;
  shares: ReadonlyMap<string, ShareTaken>;
}

/** The trace under `decide`. The same input gives the same result. */
export function runReplay(options: ReplayOptions): Replay {
  const { jobs, nodes, policy, passSeconds, movesPerHour } = options;
  const projects: readonly ProjectShare[] = policy.projects ?? [];
  const sampler = new ReplaySampler(nodes, jobs, (gpus) => new ShareMeter(projects, gpus, startableJobs(jobs, { ...policy, nodes })));
  const run = runEventLoop({
    ...{ jobs, simulated: (job: ReplayJob) => simulatedJob(job, options), nodes, policy, passSeconds, sampler },
    ...(movesPerHour === undefined ? {} : { movesPerHour }),
    ...(projects.length === 0 ? {} : { usage: createProjectUsage(projects, nodes) }),
  });
  return { ...run, samples: sampler.result(), totalGpus: sampler.totalGpus, shares: sampler.shares.result() };
}

function simulatedJob(job: ReplayJob, options: ReplayOptions): SimulatedJob {
  const { submitSeconds, durationSeconds, timeLimitSeconds, replicas, resources } = job;
  return {
    ...{ submitSeconds, durationSeconds, timeLimitSeconds, restartSeconds: options.restartSeconds, saving: savingOf(job, options) },
    ...{ group: job.group ?? `${job.project}/${job.user}`, gpus: resources.gpus * replicas, pending: pendingOf(job) },
    ...(job.array === undefined ? {} : { array: job.array }),
  };
}

function savingOf(job: ReplayJob, { checkpointCostSeconds = 0, checkpointGraceSeconds = 60, ...settings }: ReplaySettings): Saving {
  const every = job.checkpointSeconds ?? settings.checkpointSeconds;
  if (job.saving !== undefined && (job.saving !== "never" || every === undefined)) return job.saving;
  if (every === undefined) return "always";
  if (every === 0) return "never";
  return { everySeconds: every, costSeconds: checkpointCostSeconds, graceSeconds: checkpointGraceSeconds };
}
