import { type Clock, isActive, type Job } from "../../shared/domain/index.ts";
import { isQueued, isScheduled, queueScore } from "./job-indexes.ts";
import type { JobStore, PlacementRevision } from "./job-store.ts";

/** Everything is read again this often, and the more seldom the more there is: about a hundredth of the time goes into it. */
const RELOAD_LEAST_MS = 10_000;
const RELOAD_A_ROW_MS = 3;

/** All queued and active rows; what has not changed is the same object in the same order. */
export interface LiveView {
  revision: PlacementRevision;
  /** In queue order: priority (highest first), then queuedAt, then id. */
  pending: readonly Job[];
  /** By id. */
  active: readonly Job[];
  get(id: string): Job | undefined;
}

/** The rows that passes decide about, kept in memory by what changed. */
export interface LiveQueue {
  /** Reads what changed since the last call; the first call, and some of the later ones, everything. */
  look(): Promise<LiveView>;
  /** A row as this process has just written it: its change need not be read. */
  wrote(job: Job): void;
  /** Reads everything at the next look. */
  reload(): void;
}

/**
 * The change log of the store tells which rows to read again, so a pass costs what happened and not what waits. Should a
 * change be missing all the same, a commit of an outdated row is refused, a count that differs twice reloads, and everything
 * is read anew from time to time: it only delays.
 */
export function createLiveQueue(store: Pick<JobStore, "changes">, clock: Pick<Clock, "monotonic">): LiveQueue {
  const rows = new Map<string, Job>();
  let cursor: string | null = null;
  let loadedAt = Number.NEGATIVE_INFINITY;
  let miscounted = false;
  let pending = sortedList(compareQueued);
  let active = sortedList(compareIds);

  const put = (job: Job) => {
    const before = rows.get(job.id);
    if (before !== undefined && before.version > job.version) return;
    if (before !== undefined) drop(before);
    if (!isScheduled(job)) return;
    rows.set(job.id, job);
    (isQueued(job) ? pending : active).add(job);
  };
  const drop = (job: Job) => {
    rows.delete(job.id);
    (isQueued(job) ? pending : active).remove(job);
  };
  const load = (jobs: readonly Job[]) => {
    rows.clear();
    for (const job of jobs) rows.set(job.id, job);
    pending = sortedList(compareQueued, jobs.filter(isQueued));
    active = sortedList(
      compareIds,
      jobs.filter(({ state }) => isActive(state)),
    );
    loadedAt = clock.monotonic();
  };
  const due = () => clock.monotonic() - loadedAt >= Math.max(RELOAD_LEAST_MS, rows.size * RELOAD_A_ROW_MS);

  return {
    look: async () => {
      const found = await store.changes(due() ? null : cursor, (id) => rows.get(id)?.version);
      if (found.anew) load(found.jobs);
      for (const id of found.gone) {
        const job = rows.get(id);
        if (job !== undefined) drop(job);
      }
      if (!found.anew) for (const job of found.jobs) put(job);
      const differs = pending.items().length !== found.queued;
      // Once is no proof: rows are read after they were counted.
      cursor = differs && miscounted ? null : found.cursor;
      miscounted = differs;
      return { revision: found.revision, pending: pending.items(), active: active.items(), get: (id) => rows.get(id) };
    },
    wrote: put,
    reload: () => {
      cursor = null;
    },
  };
}

function compareIds(left: Job, right: Job): number {
  return left.id.length - right.id.length || (left.id < right.id ? -1 : left.id > right.id ? 1 : 0);
}

function compareQueued(left: Job, right: Job): number {
  return queueScore(left) - queueScore(right) || compareIds(left, right);
}

/** Changes are gathered until the list is asked for: few are put in their places, many are sorted with the rest. */
function sortedList(compare: (left: Job, right: Job) => number, start: Job[] = []) {
  let list: readonly Job[] = start.sort(compare);
  const removed = new Set<Job>();
  const added = new Set<Job>();
  return {
    add: (job: Job) => void added.add(job),
    remove: (job: Job) => {
      if (!added.delete(job)) removed.add(job);
    },
    items: (): readonly Job[] => {
      if (removed.size + added.size === 0) return list;
      const left = removed.size === 0 ? list : list.filter((job) => !removed.has(job));
      list = merged(left, [...added].sort(compare), compare);
      removed.clear();
      added.clear();
      return list;
    },
  };
}

function merged(one: readonly Job[], other: readonly Job[], compare: (left: Job, right: Job) => number): Job[] {
  const all: Job[] = [];
  let next = 0;
  for (const job of one) {
    for (let first = other[next]; first !== undefined && compare(first, job) < 0; first = other[next]) {
      all.push(first);
      next += 1;
    }
    all.push(job);
  }
  for (; next < other.length; next += 1) all.push(other[next] as Job);
  return all;
}
