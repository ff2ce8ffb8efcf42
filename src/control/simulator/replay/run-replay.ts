import {
  type ActiveJob,
  type ClusterSnapshot,
  createServiceHistory,
  decide,
  type NodeCapacity,
  type PendingJob,
  type ServiceHistory,
} from "../../scheduler/index.ts";
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

/** How a job of the trace fared, seconds. */
export interface ReplayedJob {
  job: ReplayJob;
  firstStart: number;
  end: number;
  preemptions: number;
}

export interface Replay {
  done: ReplayedJob[];
  /** Jobs that the empty cluster cannot run. */
  neverStarted: ReplayJob[];
  samples: ReplaySample[];
  /** GPU-seconds held by jobs. */
  gpuSeconds: number;
  totalGpus: number;
}

interface Run {
  job: ReplayJob;
  pending: PendingJob;
  active: ActiveJob | null;
  remaining: number;
  attained: number;
  firstStart: number;
  preemptions: number;
}

const ROUNDING_SECONDS = 1e-6;

/**
 * The trace under `decide`, event by event, until every job that can run has ended. How long a job runs is known to the
 * simulator alone. Stopping takes no time: what a preempted job held is free for the pass that follows at once.
 */
export function runReplay(options: ReplayOptions): Replay {
  const { jobs, passSeconds } = options;
  const nodes = options.nodes.map(capacityOf);
  const sampler = new Sampler(nodes, jobs);
  const history = createServiceHistory();
  const live = new Map<string, Run>();
  const done: ReplayedJob[] = [];
  let [arrived, now] = [0, 0];
  for (;;) {
    const next = nextEvent(jobs[arrived], live, now, passSeconds);
    if (next === Number.POSITIVE_INFINITY) break;
    for (const run of live.values()) if (run.active !== null) advance(run, next - now, history);
    sampler.passed(next - now);
    now = next;
    for (const run of ended(live)) {
      live.delete(run.job.id);
      history.ended(run.job.id);
      done.push({ job: run.job, firstStart: run.firstStart, end: now, preemptions: run.preemptions });
    }
    for (let job = jobs[arrived]; job !== undefined && job.submitSeconds <= now; job = jobs[arrived]) {
      live.set(job.id, submitted(job, history));
      arrived += 1;
    }
    schedule(options, nodes, live, history, now);
    sampler.take(now, actives(live), live.size);
  }
  return { done, neverStarted: [...live.values()].map(({ job }) => job), ...sampler.result() };
}

/** Without a running job and an arrival nothing changes any more: what still waits never starts. */
function nextEvent(job: ReplayJob | undefined, live: ReadonlyMap<string, Run>, now: number, passSeconds: number): number {
  let next = job?.submitSeconds ?? Number.POSITIVE_INFINITY;
  let waiting = false;
  for (const { active, remaining } of live.values()) {
    if (active === null) waiting = true;
    else next = Math.min(next, now + Math.max(0, remaining));
  }
  return waiting && next !== Number.POSITIVE_INFINITY ? Math.min(next, now + passSeconds) : next;
}

function advance(run: Run, seconds: number, history: ServiceHistory): void {
  run.remaining -= seconds;
  run.attained += seconds;
  history.attained(run.job.id, run.attained * 1000);
}

function ended(live: ReadonlyMap<string, Run>): Run[] {
  return [...live.values()].filter(({ active, remaining }) => active !== null && remaining <= ROUNDING_SECONDS);
}

function actives(live: ReadonlyMap<string, Run>): ActiveJob[] {
  return [...live.values()].flatMap(({ active }) => active ?? []);
}

function submitted(job: ReplayJob, history: ServiceHistory): Run {
  const group = `${job.project}/${job.user}`;
  history.submitted({ id: job.id, group, gpus: job.gpus * job.replicas, submittedAt: job.submitSeconds * 1000 });
  return { job, pending: pendingOf(job), active: null, remaining: job.durationSeconds, attained: 0, firstStart: -1, preemptions: 0 };
}

function schedule(options: ReplayOptions, nodes: NodeCapacity[], live: Map<string, Run>, history: ServiceHistory, now: number): void {
  for (;;) {
    const snapshot: ClusterSnapshot = { nodes, pending: [], active: [], ...options.policy };
    for (const { pending, active, job } of live.values()) {
      (active ?? pending).serviceIndex = history.index(job.id);
      if (active === null) snapshot.pending.push(pending);
      else snapshot.active.push(active);
    }
    if (snapshot.pending.length === 0) return;
    const { placements, preemptions } = decide(snapshot, now * 1000);
    for (const { jobId, assignments } of placements) start(live.get(jobId), assignments, now);
    for (const { jobId } of preemptions) stop(live.get(jobId), options.restartSeconds);
    if (preemptions.length === 0) return;
  }
}

function start(run: Run | undefined, assignments: ActiveJob["assignments"], now: number): void {
  if (run === undefined) return;
  const { id, priority, project, user, timeLimitSeconds } = run.job;
  const limit = timeLimitSeconds === null ? {} : { endsAt: (now + timeLimitSeconds) * 1000 };
  run.active = { id, priority, project, user, resources: run.pending.resources, assignments, startedAt: now * 1000, ...limit };
  if (run.firstStart < 0) run.firstStart = now;
  run.pending.hasRun = true;
}

function stop(run: Run | undefined, restartSeconds: number): void {
  if (run === undefined || run.active === null) return;
  run.active = null;
  run.remaining += restartSeconds;
  run.preemptions += 1;
}
