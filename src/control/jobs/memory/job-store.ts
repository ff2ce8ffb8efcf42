import { BerthError, isActive, type Job, type JobEvent, type JobState } from "../../../shared/domain/index.ts";
import { claimConflict, claimsOf, type GpuClaim, type GpuOwner, gpuOf } from "../gpu-claims.ts";
import type { HistoryLine, Transition } from "../job-change.ts";
import { isQueued, isScheduled, JOB_STATES, matchesFilter, nodesOf, queueScore } from "../job-indexes.ts";
import type { JobFilter, JobPage, JobStore, PlacementRevision, SubmitRequest } from "../job-store.ts";
import { parseCursor } from "../page-cursor.ts";
import { fingerprint, newJob, noTasks, submittedLine } from "../submission.ts";

export interface Memory {
  jobs: Map<string, Job>;
  events: Map<string, JobEvent[]>;
  claims: Map<string, GpuOwner>;
  idempotency: Map<string, { id: string; fingerprint: string }>;
  waiting: Set<{ jobId: string; wake: () => void }>;
  placements: number;
  lastId: number;
  eventSequence: number;
  /** Ended tasks that wait again: their rows count no more. */
  retaken: Set<string>;
}

/** What createMemoryJobStore and createMemoryArrayStore share, as two views of one database. */
export function emptyMemory(): Memory {
  return {
    jobs: new Map(),
    events: new Map(),
    claims: new Map(),
    idempotency: new Map(),
    waiting: new Set(),
    placements: 0,
    lastId: 0,
    eventSequence: 0,
    retaken: new Set(),
  };
}

/** The job rows in memory. Rows are never mutated, so they are handed out as they are. */
export function createMemoryJobStore(fence: { last: number } = { last: 0 }, memory = emptyMemory()): JobStore {
  const all = () => [...memory.jobs.values()].map((job) => withTaskCounts(memory, job));
  return {
    submit: async (request, now) => submit(memory, request, now),
    get: async (id) => readRow(memory, id),
    find: async (idOrName) =>
      readRow(memory, idOrName) ?? all().findLast((job) => job.spec.name === idOrName && job.task === undefined) ?? null,
    list: async (filter, { limit, cursor }) => list(all().reverse(), filter, limit, cursor),
    commit: async (previous, transition, now, revision, given) => {
      if (given !== undefined && given !== fence.last) throw new BerthError("conflict", "another control plane schedules now");
      return commit(memory, previous, transition, now, revision);
    },
    commitAll: async (changes, now, revision, given) => {
      let placed = 0;
      return changes.map(({ previous, transition }) => {
        try {
          if (given !== undefined && given !== fence.last) throw new BerthError("conflict", "another control plane schedules now");
          const before = memory.placements;
          const job = commit(memory, previous, transition, now, revision === undefined ? undefined : revision + placed);
          placed += memory.placements - before;
          return job;
        } catch (error) {
          if (error instanceof BerthError) return error;
          throw error;
        }
      });
    },
    changes: async () => {
      const rows = all().filter(isScheduled);
      const queued = rows.filter(isQueued).length;
      return { cursor: "", revision: memory.placements, anew: true, jobs: rows, gone: [], queued };
    },
    queue: async (limit) => {
      const pending = all()
        .filter(isQueued)
        .sort((left, right) => queueScore(left) - queueScore(right) || Number(left.id) - Number(right.id));
      return {
        revision: memory.placements,
        pending: pending.slice(0, limit),
        pendingBeyond: Math.max(0, pending.length - limit),
        active: all().filter((job) => isActive(job.state) && job.array === undefined),
      };
    },
    onNode: async (nodeId) => all().filter((job) => nodesOf(job).includes(nodeId)),
    counts: async () =>
      Object.fromEntries(JOB_STATES.map((state) => [state, all().filter((job) => job.state === state).length])) as Record<JobState, number>,
    events: async (jobId, after) => {
      const events = memory.events.get(jobId) ?? [];
      return events.slice(after === null ? 0 : events.findIndex(({ id }) => id === after) + 1).slice(0, 1000);
    },
    changed: (jobId, timeoutMs, signal) => changed(memory, jobId, timeoutMs, signal),
    close: async () => {
      for (const { wake } of [...memory.waiting]) wake();
    },
  };
}

/** The row as it is handed out: an array's with its tasks counted. */
export function readRow(memory: Memory, id: string): Job | null {
  const job = memory.jobs.get(id);
  return job === undefined ? null : withTaskCounts(memory, job);
}

function withTaskCounts(memory: Memory, job: Job): Job {
  if (job.array === undefined) return job;
  const tasks = noTasks();
  for (const other of memory.jobs.values()) {
    if (other.task?.arrayId === job.id && !memory.retaken.has(other.id)) tasks[other.state] += 1;
  }
  return { ...job, array: { ...job.array, tasks } };
}

function submit(memory: Memory, request: SubmitRequest, now: number) {
  const key = request.idempotencyKey === null ? null : `${request.user}\0${request.idempotencyKey}`;
  const known = key === null ? undefined : memory.idempotency.get(key);
  if (known !== undefined) {
    if (known.fingerprint !== fingerprint(request)) {
      throw new BerthError(
        "idempotency_conflict",
        `Idempotency-Key ${JSON.stringify(request.idempotencyKey)} was used for job ${known.id}, which differs`,
      );
    }
    return { job: readRow(memory, known.id) as Job, replayed: true };
  }
  memory.lastId += 1;
  const job = newJob(String(memory.lastId), request, now);
  memory.jobs.set(job.id, job);
  if (key !== null) memory.idempotency.set(key, { id: job.id, fingerprint: fingerprint(request) });
  append(memory, job, [submittedLine(request.user)], now);
  return { job, replayed: false };
}

function list(newestFirst: Job[], filter: JobFilter, limit: number, cursor: string | null): JobPage {
  const before = parseCursor(cursor);
  const matches = newestFirst.filter((job) => Number(job.id) < before && matchesFilter(job, filter));
  const items = matches.slice(0, limit);
  return { items, nextCursor: matches.length > limit ? (items.at(-1)?.id ?? null) : null };
}

function commit(memory: Memory, previous: Job, { job, history }: Transition, now: number, revision: PlacementRevision | undefined): Job {
  const current = memory.jobs.get(previous.id);
  if (current === undefined) throw new BerthError("job_not_found", `no job ${previous.id}`);
  if (current.state !== previous.state || current.epoch !== previous.epoch || current.version !== previous.version) {
    throw new BerthError("conflict", `job ${job.id} changed in the meantime`);
  }
  if (revision !== undefined && revision !== memory.placements) throw new BerthError("conflict", "another placement came in between");
  const claims = claimsOf(job);
  for (const claim of claims) {
    const owner = memory.claims.get(gpuOf(claim));
    const conflict = claimConflict(job.id, claim, owner);
    if (conflict === null) continue;
    const details = { claim: gpuOf(claim), ...(typeof owner === "string" ? { owner } : {}) };
    throw new BerthError("conflict", `${gpuOf(claim)} ${conflict}`, { details });
  }
  for (const claim of claimsOf(current)) unclaim(memory, job.id, claim);
  for (const claim of claims) memory.claims.set(gpuOf(claim), ownerWith(memory.claims.get(gpuOf(claim)), job.id, claim));
  if (current.state === "pending" && job.state === "starting") memory.placements += 1;
  memory.jobs.set(job.id, job);
  append(memory, job, history, now);
  return job;
}

function unclaim(memory: Memory, jobId: string, claim: GpuClaim): void {
  const owner = memory.claims.get(gpuOf(claim));
  const others = owner === undefined || typeof owner === "string" ? [] : [...owner].filter(([id]) => id !== jobId);
  if (others.length === 0) memory.claims.delete(gpuOf(claim));
  else memory.claims.set(gpuOf(claim), new Map(others));
}

function ownerWith(owner: GpuOwner | undefined, jobId: string, claim: GpuClaim): GpuOwner {
  if (typeof claim === "string") return jobId;
  return new Map(typeof owner === "string" ? [] : owner).set(jobId, claim);
}

/** Writes lines of a job's history and wakes who waits for its change; `at` in milliseconds since the Unix epoch. */
export function append(memory: Memory, job: Job, history: HistoryLine[], at: number): void {
  const events = memory.events.get(job.id) ?? [];
  for (const { type, message } of history) {
    memory.eventSequence += 1;
    events.push({ id: `${at}-${memory.eventSequence}`, jobId: job.id, epoch: job.epoch, at, type, message });
  }
  memory.events.set(job.id, events);
  for (const { jobId, wake } of [...memory.waiting]) if (jobId === job.id) wake();
}

function changed(memory: Memory, jobId: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      memory.waiting.delete(waiter);
      resolve();
    };
    const waiter = { jobId, wake: done };
    const timer = setTimeout(done, timeoutMs);
    signal.addEventListener("abort", done);
    memory.waiting.add(waiter);
  });
}
