import {
  type ActiveJob,
  type ClusterSnapshot,
  createIncrementalDecide,
  decide,
  givePromises,
  type Plan,
} from "../../src/control/scheduler/index.ts";
import { summarise } from "../measure.ts";
import { NOW } from "./scale-cluster.ts";

export const ROUNDS = 5;
export const EVENTS = 40;
export const WARM_UP = 10;

/** Passes until promised room is made and taken: enough that the next event meets a settled cluster. */
const SETTLING_PASSES = 4;

export interface Cost {
  full: number;
  incremental: number;
  placed: number;
  memoryMib: number;
}

/**
 * CPU milliseconds of this process, one core's worth: the machine may be busy with other work. A full cycle starts from
 * nothing but the snapshot; an incremental one follows one event (a job ended, or one was submitted) in a settled cluster.
 */
export function costOf(snapshot: ClusterSnapshot): Cost {
  const full = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const spent = cpuMs(() => void decide(snapshot, NOW));
    if (round > 0) full.push(spent);
  }
  const memoryMib = process.memoryUsage().rss / 2 ** 20;
  const placed = decide(snapshot, NOW).placements.length;
  return { full: summarise(full).median, incremental: incrementalCost(settled(snapshot)), placed, memoryMib };
}

function incrementalCost(start: ClusterSnapshot): number {
  const again = createIncrementalDecide();
  let snapshot = start;
  again(snapshot, NOW);
  const spent: number[] = [];
  for (let event = 0; event < EVENTS; event += 1) {
    snapshot = event % 2 === 0 ? jobEnded(snapshot, event) : jobSubmitted(snapshot, event);
    let plan: Plan | null = null;
    const cost = cpuMs(() => {
      plan = again(snapshot, NOW);
    });
    if (event >= WARM_UP) spent.push(cost);
    if (plan !== null) snapshot = carriedOut(snapshot, plan);
  }
  return summarise(spent).median;
}

/** All that fits has started, and the queue is in order, as the store keeps it. */
function settled(snapshot: ClusterSnapshot): ClusterSnapshot {
  let now = snapshot;
  for (let pass = 0; pass < SETTLING_PASSES; pass += 1) now = carriedOut(now, decide(now, NOW));
  const pending = now.pending.toSorted(
    (one, other) => other.priority - one.priority || one.queuedAt - other.queuedAt || Number(one.id) - Number(other.id),
  );
  return { ...now, pending };
}

/** As the next pass meets it: what was placed runs, and whoever was to make room has left. Rows that nothing happened to stay the same objects. */
function carriedOut(snapshot: ClusterSnapshot, plan: Plan): ClusterSnapshot {
  const places = new Map(plan.placements.map(({ jobId, assignments }) => [jobId, assignments]));
  const left = new Set(plan.preemptions.map(({ jobId }) => jobId));
  const running = snapshot.pending.flatMap((job): ActiveJob[] => {
    const assignments = places.get(job.id);
    const ends = job.timeLimitMs === undefined ? {} : { endsAt: NOW + job.timeLimitMs };
    return assignments === undefined ? [] : [{ ...job, assignments, startedAt: NOW, ...ends }];
  });
  const active = left.size + running.length === 0 ? snapshot.active : [...snapshot.active.filter(({ id }) => !left.has(id)), ...running];
  const waiting = places.size === 0 ? snapshot.pending : snapshot.pending.filter(({ id }) => !places.has(id));
  return { ...snapshot, active, pending: plan.promises.length === 0 ? waiting : keepingPromises(waiting, plan) };
}

/** A promise that was known already is no change of the row. */
function keepingPromises(waiting: ClusterSnapshot["pending"], plan: Plan): ClusterSnapshot["pending"] {
  return givePromises(waiting, plan).map((job, place) => {
    const before = waiting[place];
    return before !== undefined && before.promise?.madeAt === job.promise?.madeAt ? before : job;
  });
}

function jobEnded(snapshot: ClusterSnapshot, event: number): ClusterSnapshot {
  const gone = (event * 7919) % snapshot.active.length;
  return { ...snapshot, active: snapshot.active.filter((_, place) => place !== gone) };
}

function jobSubmitted(snapshot: ClusterSnapshot, event: number): ClusterSnapshot {
  const like = snapshot.pending[(event * 31) % snapshot.pending.length];
  if (like === undefined) return snapshot;
  const { promise: _its, ...asks } = like;
  return { ...snapshot, pending: [...snapshot.pending, { ...asks, id: String(9_000_000 + event), priority: 0, queuedAt: NOW }] };
}

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
