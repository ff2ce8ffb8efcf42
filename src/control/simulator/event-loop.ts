import {
  type ClusterSnapshot,
  createServiceHistory,
  decide,
  givePromises,
  type NodeCapacity,
  type Plan,
  type ServiceHistory,
} from "../scheduler/index.ts";
import { type ArrayGate, createArrayGate } from "./array-gate.ts";
import { ROUNDING_SECONDS } from "./checkpoint-time.ts";
import type { ProjectUsage } from "./replay/project-usage.ts";
import {
  advance,
  askToStop,
  endAttempt,
  type FinishedRun,
  finished,
  newRun,
  type Run,
  type SimulatedJob,
  startRun,
  tellCheckpoint,
} from "./run.ts";

const HOUR_SECONDS = 3600;

/** Sees the run as it goes. */
export interface Sampler<Job> {
  /** Before time passes under the last state. */
  passing(from: number, to: number, live: Iterable<Run<Job>>): void;
  /** After every event; `held` tasks of arrays wait beside those that are live. */
  take(now: number, live: ReadonlyMap<string, Run<Job>>, held: number): void;
}

export interface EventLoopOptions<Job> {
  /** By submission. */
  jobs: readonly Job[];
  simulated: (job: Job) => SimulatedJob;
  nodes: NodeCapacity[];
  policy: Pick<ClusterSnapshot, "queueing" | "placement" | "projects" | "explain">;
  /** Running jobs that may be moved within an hour; absent moves none. */
  movesPerHour?: number;
  /** Counts what projects use; absent: they are as the policy has them. */
  usage?: ProjectUsage;
  /** While jobs wait the scheduler looks again this often, as in production. */
  passSeconds: number;
  sampler?: Sampler<Job>;
}

interface Loop<Job> extends EventLoopOptions<Job> {
  live: Map<string, Run<Job>>;
  history: ServiceHistory;
  gate: ArrayGate<Job>;
  /** When jobs were moved, seconds. */
  moved: number[];
}

/**
 * Jobs under `decide`, event by event, from an empty cluster until every job that can run has ended. What a preempted job
 * held is free as soon as it has saved what it saves (see checkpoint-time.ts). `neverStarted` are those that the empty
 * cluster cannot run.
 */
export function runEventLoop<Job>(options: EventLoopOptions<Job>): { done: FinishedRun<Job>[]; neverStarted: Job[] } {
  const { jobs, simulated, sampler } = options;
  const loop: Loop<Job> = { ...options, live: new Map(), history: createServiceHistory(), gate: createArrayGate(), moved: [] };
  const { live, gate } = loop;
  const done: FinishedRun<Job>[] = [];
  const coming = jobs.map((job) => ({ job, simulated: simulated(job) }));
  let [arrived, now] = [0, 0];
  for (;;) {
    const next = nextEvent(coming[arrived]?.simulated, live, now, options.passSeconds);
    if (next === Number.POSITIVE_INFINITY) break;
    sampler?.passing(now, next, live.values());
    pass(loop, next - now);
    now = next;
    done.push(...takeEnded(loop, now));
    for (const run of live.values()) if (run.stopsAt !== null && run.stopsAt <= now) endAttempt(run, now);
    for (let one = coming[arrived]; one !== undefined && one.simulated.submitSeconds <= now; one = coming[arrived]) {
      submit(loop, one.job, one.simulated);
      arrived += 1;
    }
    for (const run of gate.open(live.values(), now)) live.set(run.pending.id, run);
    schedule(loop, now);
    loop.usage?.note([...live.values()].flatMap(({ active }) => active ?? []));
    sampler?.take(now, live, gate.held().length);
  }
  return { done, neverStarted: [...live.values(), ...gate.held()].map(({ job }) => job) };
}

/** Without a running job and an arrival nothing changes any more: what still waits never starts. */
function nextEvent<Job>(job: SimulatedJob | undefined, live: ReadonlyMap<string, Run<Job>>, now: number, passSeconds: number): number {
  let next = job?.submitSeconds ?? Number.POSITIVE_INFINITY;
  let waiting = false;
  for (const { active, remaining, stopsAt } of live.values()) {
    if (active === null) waiting = true;
    else next = Math.min(next, stopsAt ?? now + Math.max(0, remaining));
  }
  return waiting && next !== Number.POSITIVE_INFINITY ? Math.min(next, now + passSeconds) : next;
}

function pass<Job>({ live, history }: Loop<Job>, seconds: number): void {
  for (const run of live.values()) {
    if (run.active === null) continue;
    advance(run, seconds);
    history.attained(run.pending.id, run.attained * 1000);
  }
}

function takeEnded<Job>({ live, history }: Loop<Job>, now: number): FinishedRun<Job>[] {
  const ended = [...live].filter(
    ([, { active, remaining, stopsAt }]) => active !== null && stopsAt === null && remaining <= ROUNDING_SECONDS,
  );
  for (const [id] of ended) {
    live.delete(id);
    history.ended(id);
  }
  return ended.map(([, run]) => finished(run, now));
}

function submit<Job>({ live, history, gate }: Loop<Job>, job: Job, simulated: SimulatedJob): void {
  const { group, gpus, submitSeconds, array, pending } = simulated;
  history.submitted({ id: pending.id, group, gpus, submittedAt: submitSeconds * 1000 });
  const run = newRun(job, simulated);
  if (array === undefined) live.set(pending.id, run);
  else gate.hold(array.id, run);
}

/** Passes until one asks nobody to stop whose room is free at once. */
function schedule<Job>(loop: Loop<Job>, now: number): void {
  const { live, policy, movesPerHour, moved } = loop;
  for (;;) {
    const snapshot = snapshotOf(loop, now);
    if (snapshot.pending.length === 0) return;
    const plan = decide(snapshot, now * 1000);
    for (const placement of plan.placements) {
      const run = live.get(placement.jobId);
      if (run !== undefined) startRun(run, placement, now);
    }
    let freed = false;
    for (const { jobId, kind } of plan.preemptions) {
      const run = live.get(jobId);
      if (run === undefined) continue;
      if (kind === "move") moved.push(now);
      if (askToStop(run, kind === "move", now)) freed = true;
    }
    // Only a guarantee takes back, and only moves make room: nobody else is promised anything.
    if (policy.projects !== undefined || movesPerHour !== undefined) keepPromises(live, plan);
    if (!freed) return;
  }
}

function snapshotOf<Job>({ live, history, nodes, policy, usage, movesPerHour, moved }: Loop<Job>, now: number): ClusterSnapshot {
  const snapshot: ClusterSnapshot = { nodes, pending: [], active: [], ...policy };
  for (const run of live.values()) {
    const { pending, active } = run;
    (active ?? pending).serviceIndex = history.index(pending.id);
    tellCheckpoint(run, now);
    if (active === null) snapshot.pending.push(pending);
    else snapshot.active.push(active);
  }
  if (usage !== undefined) snapshot.projects = usage.look(now * 1000);
  if (movesPerHour === undefined) return snapshot;
  const movesLastHour = moved.filter((at) => now - at < HOUR_SECONDS).length;
  return { ...snapshot, defragment: { movesPerHour, movesLastHour } };
}

function keepPromises<Job>(live: ReadonlyMap<string, Run<Job>>, plan: Plan): void {
  const runs = [...live.values()];
  const given = givePromises(
    runs.map(({ pending }) => pending),
    plan,
  );
  for (const [place, run] of runs.entries()) run.pending = given[place] ?? run.pending;
}
