import { DEFAULT_PROJECT } from "../order/project-tree.ts";
import { FAIR_POLICY } from "../order/queueing-policy.ts";
import { givePromises } from "../preempt/promises.ts";
import type { ActiveJob, ClusterSnapshot, PendingJob, PendingKind, Plan } from "../snapshot.ts";
import { listed } from "./words.ts";

type Decide = (snapshot: ClusterSnapshot, now: number) => Plan;
type Quantile = "p50" | "p90";

/** When a waiting job starts, milliseconds since the Unix epoch: with even chances by `p50`, nine times in ten by `p90`. */
export interface StartEstimate {
  p50: number;
  p90: number;
}

export interface StartOutlook {
  /** Null when nothing known tells. */
  start: StartEstimate | null;
  /** Why there is no estimate; null when there is one. */
  startUnknown: string | null;
}

/** Passes looked ahead, less on large clusters: each costs as much as a scheduling pass. */
const MOST_PASSES = 48;
const FEWEST_PASSES = 6;
const ROWS_LOOKED_AT = 100_000;
/** A job that is told to stop holds its place so long, in the forecast, where its grace is unknown. */
const STOPPING_MS = 30_000;
const JOBS_NAMED = 3;
const NODES_AWAY = "nothing tells when the nodes it needs come back";

/**
 * Plays the coming passes with the scheduler's own decision: running jobs end when like ones of their user did (`remaining`),
 * at their time limits at the latest; those that start in between run as long. Pure, and bounded in cost: where more jobs
 * end than passes are played, several end between two passes, which can only make the answer later. Jobs yet to be
 * submitted are not foreseen.
 */
export function estimateStart(decide: Decide, snapshot: ClusterSnapshot, now: number, jobId: string, first: Plan): StartOutlook {
  const kind = kindOf(first, jobId);
  if (kind === "never-fits") return unknown("no state of the nodes could run it");
  const windows = (snapshot.reservations ?? []).some(({ to }) => to > now);
  if (kind === "nodes-absent" && !windows) return unknown(NODES_AWAY);
  const p90 = play(decide, snapshot, now, jobId, first, "p90");
  if (typeof p90 === "string") return unknown(p90);
  const limitsOnly = ![...snapshot.active, ...snapshot.pending].some(({ remainingMs }) => remainingMs !== undefined);
  if (limitsOnly || p90 === now) return { start: { p50: p90, p90 }, startUnknown: null };
  const p50 = play(decide, snapshot, now, jobId, first, "p50");
  // Shorter runs of others can let more of them in before it.
  return { start: { p50: typeof p50 === "string" ? p90 : Math.min(p50, p90), p90 }, startUnknown: null };
}

function unknown(startUnknown: string): StartOutlook {
  return { start: null, startUnknown };
}

/** The moment it starts, or why that cannot be told. */
function play(decide: Decide, snapshot: ClusterSnapshot, now: number, jobId: string, first: Plan, quantile: Quantile): number | string {
  const passes = passesFor(snapshot);
  const ends = new Map(snapshot.active.flatMap((job) => entryOf(job.id, endOf(job, now, quantile))));
  for (const { name, to } of snapshot.reservations ?? []) if (to > now) ends.set(`window ${name}`, to);
  for (const [id, moment] of takenBackFrom(snapshot, jobId, now)) ends.set(`young ${id}`, moment);
  let { pending, active } = snapshot;
  let [time, plan] = [now, first];
  for (let pass = 0; pass < passes; pass += 1) {
    if (plan.placements.some((one) => one.jobId === jobId)) return time;
    const started = startedBy(plan, pending, time);
    for (const job of started.jobs) for (const [id, end] of entryOf(job.id, endOfStarted(job, time, quantile))) ends.set(id, end);
    const asked = new Set(plan.preemptions.map((one) => one.jobId));
    for (const job of active)
      if (asked.has(job.id)) ends.set(job.id, Math.min(ends.get(job.id) ?? Number.POSITIVE_INFINITY, stopped(job, time)));
    const next = nextPass(ends, passes - pass);
    if (next === null && kindOf(plan, jobId) === "nodes-absent") return NODES_AWAY;
    if (next === null) return noEnds(concerned({ ...snapshot, pending, active: [...active, ...started.active] }, plan, jobId));
    active = [...active, ...started.active]
      .filter(({ id }) => (ends.get(id) ?? Number.POSITIVE_INFINITY) > next)
      .map((job) => (asked.has(job.id) ? { ...job, stopping: true } : job));
    for (const [id, end] of ends) if (end <= next) ends.delete(id);
    const gone = new Set(started.jobs.map(({ id }) => id));
    pending = givePromises(
      pending.filter(({ id }) => !gone.has(id)),
      plan,
    );
    time = next;
    plan = decide({ ...snapshot, pending, active }, time);
  }
  return "too many jobs end or start before it";
}

function kindOf({ reasons }: Plan, jobId: string): PendingKind | undefined {
  return reasons.find((one) => one.jobId === jobId)?.kind;
}

function passesFor({ nodes, pending, active }: ClusterSnapshot): number {
  const rows = Math.max(1, nodes.length + pending.length + active.length);
  return Math.min(MOST_PASSES, Math.max(FEWEST_PASSES, Math.floor(ROWS_LOOKED_AT / rows)));
}

function entryOf(id: string, end: number | null): [string, number][] {
  return end === null ? [] : [[id, end]];
}

/** When each running job of others has run long enough to be stopped for a project's guarantee: a pass then may do it. */
function takenBackFrom({ active, pending, projects = [], queueing = FAIR_POLICY }: ClusterSnapshot, jobId: string, now: number) {
  const project = pending.find(({ id }) => id === jobId)?.project ?? DEFAULT_PROJECT;
  if (!projects.some(({ name, guaranteedGpus }) => name === project && guaranteedGpus > 0)) return [];
  return active.flatMap((job): [string, number][] => {
    const ripe = job.startedAt === undefined ? now : job.startedAt + queueing.minRunMs;
    return ripe > now && (job.project ?? DEFAULT_PROJECT) !== project ? [[job.id, ripe]] : [];
  });
}

function stopped({ stopGraceMs = STOPPING_MS }: ActiveJob, time: number): number {
  return time + Math.max(1000, stopGraceMs);
}

/** A job that is late ends any moment. */
function endOf(job: ActiveJob, now: number, quantile: Quantile): number | null {
  const { endsAt, remainingMs } = job;
  if (job.stopping === true) return stopped(job, now);
  const likely = remainingMs === undefined ? Number.POSITIVE_INFINITY : now + remainingMs[quantile];
  const end = Math.min(likely, endsAt ?? Number.POSITIVE_INFINITY);
  return end === Number.POSITIVE_INFINITY ? null : Math.max(now + 1000, end);
}

function endOfStarted({ timeLimitMs, remainingMs }: PendingJob, now: number, quantile: Quantile): number | null {
  const length = Math.min(remainingMs?.[quantile] ?? Number.POSITIVE_INFINITY, timeLimitMs ?? Number.POSITIVE_INFINITY);
  return length === Number.POSITIVE_INFINITY ? null : now + Math.max(1000, length);
}

function startedBy(plan: Plan, pending: readonly PendingJob[], time: number): { jobs: PendingJob[]; active: ActiveJob[] } {
  const rows = new Map(pending.map((job) => [job.id, job]));
  const jobs: PendingJob[] = [];
  const active: ActiveJob[] = [];
  for (const { jobId, assignments } of plan.placements) {
    const job = rows.get(jobId);
    if (job === undefined) continue;
    const { id, resources, priority, project, user, serviceIndex, timeLimitMs } = job;
    jobs.push(job);
    active.push({
      ...{ id, resources, assignments, priority, startedAt: time },
      ...(project === undefined ? {} : { project }),
      ...(user === undefined ? {} : { user }),
      ...(serviceIndex === undefined ? {} : { serviceIndex }),
      ...(timeLimitMs === undefined ? {} : { endsAt: time + timeLimitMs }),
    });
  }
  return { jobs, active };
}

/** The moment of the next pass: after so many ends that the passes left cover all; null when nothing is known to end. */
function nextPass(ends: ReadonlyMap<string, number>, passesLeft: number): number | null {
  const sorted = [...ends.values()].sort((one, other) => one - other);
  return sorted[Math.max(1, Math.ceil(sorted.length / passesLeft)) - 1] ?? null;
}

/** What is over a limit waits for jobs of its project alone, unless the limit may be that of a project above. */
function concerned({ projects = [], pending, active }: ClusterSnapshot, plan: Plan, jobId: string): ActiveJob[] {
  const project = pending.find(({ id }) => id === jobId)?.project;
  const above = projects.find(({ name }) => name === project)?.parent ?? null;
  if (above !== null || kindOf(plan, jobId) !== "over-limit") return active;
  const own = active.filter((job) => job.project === project);
  return own.length === 0 ? active : own;
}

function noEnds(active: readonly ActiveJob[]): string {
  if (active.length === 0) return "no running job's end would make room";
  const endless = active.map(({ id }) => `job ${id}`);
  return `nothing tells when ${listed(endless, JOBS_NAMED)} will end: no time limit, and too few ended jobs of the user`;
}
