import {
  type ActiveJob,
  type ClusterSnapshot,
  createServiceHistory,
  decide,
  givePromises,
  type NodeCapacity,
  type PendingJob,
  type Placement,
  type Plan,
  type ServiceHistory,
} from "../scheduler/index.ts";

/** Less left than this is nothing left: sums of fractional seconds miss by so much. */
export const ROUNDING_SECONDS = 1e-6;

/** A job of a trace, as the loop needs it. */
export interface SimulatedJob {
  submitSeconds: number;
  /** Known to the simulator alone. */
  durationSeconds: number;
  /** Lost when it is preempted and starts again. */
  restartSeconds: number;
  timeLimitSeconds: number | null;
  /** Whose jobs are like it, and its GPUs: for the history. */
  group: string;
  gpus: number;
  /** As it is submitted. */
  pending: PendingJob;
}

/** How a job fared, seconds. */
export interface FinishedRun<Job> {
  job: Job;
  firstStart: number;
  end: number;
  preemptions: number;
}

export interface EventLoopOptions<Job> {
  /** By submission. */
  jobs: readonly Job[];
  simulated: (job: Job) => SimulatedJob;
  nodes: NodeCapacity[];
  policy: Pick<ClusterSnapshot, "queueing" | "placement" | "projects" | "explain">;
  /** While jobs wait the scheduler looks again this often, as in production. */
  passSeconds: number;
  /** Told of the time that passed under the last state, then of the new one. */
  sampler?: { passed(seconds: number): void; take(now: number, active: readonly ActiveJob[], live: number): void };
}

interface Run<Job> {
  job: Job;
  simulated: SimulatedJob;
  pending: PendingJob;
  active: ActiveJob | null;
  remaining: number;
  attained: number;
  firstStart: number;
  preemptions: number;
}

/**
 * Jobs under `decide`, event by event, from an empty cluster until every job that can run has ended. Stopping takes no time:
 * what a preempted job held is free for the pass that follows at once. `neverStarted` are those that the empty cluster
 * cannot run.
 */
export function runEventLoop<Job>(options: EventLoopOptions<Job>): { done: FinishedRun<Job>[]; neverStarted: Job[] } {
  const { jobs, simulated, passSeconds, sampler } = options;
  const history = createServiceHistory();
  const live = new Map<string, Run<Job>>();
  const done: FinishedRun<Job>[] = [];
  const coming = jobs.map((job) => ({ job, simulated: simulated(job) }));
  let [arrived, now] = [0, 0];
  for (;;) {
    const next = nextEvent(coming[arrived]?.simulated, live, now, passSeconds);
    if (next === Number.POSITIVE_INFINITY) break;
    for (const run of live.values()) if (run.active !== null) advance(run, next - now, history);
    sampler?.passed(next - now);
    now = next;
    for (const [id, run] of ended(live)) {
      live.delete(id);
      history.ended(id);
      done.push({ job: run.job, firstStart: run.firstStart, end: now, preemptions: run.preemptions });
    }
    for (let one = coming[arrived]; one !== undefined && one.simulated.submitSeconds <= now; one = coming[arrived]) {
      live.set(one.simulated.pending.id, submitted(one.job, one.simulated, history));
      arrived += 1;
    }
    schedule(options, live, history, now);
    sampler?.take(now, actives(live), live.size);
  }
  return { done, neverStarted: [...live.values()].map(({ job }) => job) };
}

/** Without a running job and an arrival nothing changes any more: what still waits never starts. */
function nextEvent<Job>(job: SimulatedJob | undefined, live: ReadonlyMap<string, Run<Job>>, now: number, passSeconds: number): number {
  let next = job?.submitSeconds ?? Number.POSITIVE_INFINITY;
  let waiting = false;
  for (const { active, remaining } of live.values()) {
    if (active === null) waiting = true;
    else next = Math.min(next, now + Math.max(0, remaining));
  }
  return waiting && next !== Number.POSITIVE_INFINITY ? Math.min(next, now + passSeconds) : next;
}

function advance<Job>(run: Run<Job>, seconds: number, history: ServiceHistory): void {
  run.remaining -= seconds;
  run.attained += seconds;
  history.attained(run.pending.id, run.attained * 1000);
}

function ended<Job>(live: ReadonlyMap<string, Run<Job>>): [string, Run<Job>][] {
  return [...live].filter(([, { active, remaining }]) => active !== null && remaining <= ROUNDING_SECONDS);
}

function actives<Job>(live: ReadonlyMap<string, Run<Job>>): ActiveJob[] {
  return [...live.values()].flatMap(({ active }) => active ?? []);
}

function submitted<Job>(job: Job, simulated: SimulatedJob, history: ServiceHistory): Run<Job> {
  const { group, gpus, submitSeconds, durationSeconds } = simulated;
  const pending = { ...simulated.pending };
  history.submitted({ id: pending.id, group, gpus, submittedAt: submitSeconds * 1000 });
  return { job, simulated, pending, active: null, remaining: durationSeconds, attained: 0, firstStart: -1, preemptions: 0 };
}

function schedule<Job>(
  { nodes, policy }: EventLoopOptions<Job>,
  live: ReadonlyMap<string, Run<Job>>,
  history: ServiceHistory,
  now: number,
): void {
  for (;;) {
    const snapshot: ClusterSnapshot = { nodes, pending: [], active: [], ...policy };
    for (const { pending, active } of live.values()) {
      (active ?? pending).serviceIndex = history.index(pending.id);
      if (active === null) snapshot.pending.push(pending);
      else snapshot.active.push(active);
    }
    if (snapshot.pending.length === 0) return;
    const plan = decide(snapshot, now * 1000);
    for (const placement of plan.placements) start(live.get(placement.jobId), placement, now);
    for (const { jobId } of plan.preemptions) stop(live.get(jobId));
    // Only a guarantee takes back, and so is promised anything.
    if (policy.projects !== undefined) keepPromises(live, plan);
    if (plan.preemptions.length === 0) return;
  }
}

function start<Job>(run: Run<Job> | undefined, { assignments }: Placement, now: number): void {
  if (run === undefined) return;
  const { id, resources, priority, project, user } = run.pending;
  const { timeLimitSeconds } = run.simulated;
  run.active = {
    ...{ id, resources, assignments, priority, startedAt: now * 1000 },
    ...(project === undefined ? {} : { project }),
    ...(user === undefined ? {} : { user }),
    ...(timeLimitSeconds === null ? {} : { endsAt: (now + timeLimitSeconds) * 1000 }),
  };
  if (run.firstStart < 0) run.firstStart = now;
  run.pending.hasRun = true;
}

function stop<Job>(run: Run<Job> | undefined): void {
  if (run === undefined || run.active === null) return;
  run.active = null;
  run.remaining += run.simulated.restartSeconds;
  run.preemptions += 1;
}

function keepPromises<Job>(live: ReadonlyMap<string, Run<Job>>, plan: Plan): void {
  const runs = [...live.values()];
  const given = givePromises(
    runs.map(({ pending }) => pending),
    plan,
  );
  for (const [place, run] of runs.entries()) run.pending = given[place] ?? run.pending;
}
