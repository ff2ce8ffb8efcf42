import type { BerthError, Job, JobEvent, JobSpec, JobState } from "../../shared/domain/index.ts";
import type { Transition } from "./job-change.ts";
import type { Fence } from "./leader-store.ts";

export interface SubmitRequest {
  spec: JobSpec;
  user: string;
  /** The Idempotency-Key header; null submits every time. Scoped to the user, remembered for 24 hours. */
  idempotencyKey: string | null;
}

export interface JobFilter {
  states?: readonly JobState[];
  project?: string;
  name?: string;
  user?: string;
  /** Only the tasks of this array. */
  array?: string;
  /** False leaves out tasks that wait or have ended: their array's row stands for them. Default true. */
  tasks?: boolean;
  /** Every one must match. */
  labels?: Readonly<Record<string, string>>;
}

export interface JobPage {
  items: Job[];
  /**
   * Pass it to get what follows; null at the end. A page may hold fewer than `limit` (even none) and still have a
   * cursor: a filter without an index looks at a bounded number of rows a call.
   */
  nextCursor: string | null;
}

/** How far the placements had come when a snapshot was read; a placement made from an older one is refused. */
export type PlacementRevision = number;

/** The active and the first `limit` pending jobs, read together with the revision they belong to. */
export interface QueueView {
  revision: PlacementRevision;
  /** In queue order: priority (highest first), then queuedAt, then id. */
  pending: Job[];
  /** Pending jobs beyond `limit`. */
  pendingBeyond: number;
  active: Job[];
}

export interface RowChange {
  previous: Job;
  transition: Transition;
}

/** The version that the reader has of a row, undefined when none: what it has need not be read again. */
export type KnownRows = (id: string) => number | undefined;

export interface QueueChanges {
  cursor: string;
  revision: PlacementRevision;
  /** True when `jobs` are all that are queued or active, and the reader forgets what it had. */
  anew: boolean;
  /** Rows that changed, whatever state they are in now. */
  jobs: Job[];
  /** Ids that have no row any more. */
  gone: string[];
  /** How many are queued. */
  queued: number;
}

/**
 * The job rows: the truth. Every change is one atomic, durable compare-and-set; when a promise resolves, the change
 * survives the loss of every process. All methods throw BerthError redis_unavailable (503) when the store is not reachable.
 */
export interface JobStore {
  /**
   * @throws BerthError idempotency_conflict when the key was used for another spec
   */
  submit(request: SubmitRequest, now: number): Promise<{ job: Job; replayed: boolean }>;

  get(id: string): Promise<Job | null>;

  /** By id, or the newest job of that name. */
  find(idOrName: string): Promise<Job | null>;

  /** Newest first. `limit` 1..1000. @throws BerthError invalid_request for a cursor it did not make */
  list(filter: JobFilter, page: { limit: number; cursor: string | null }): Promise<JobPage>;

  /**
   * Writes `transition` if the row is still `previous` (state, epoch, version); moves indexes and GPU claims and appends
   * the history in the same step. With `revision`, also refuses when another placement came in between.
   * Callers use `applyChange`, which reads again and retries.
   * With `fence`, also when another control plane has become the leader since.
   * @throws BerthError conflict (row changed, GPU claimed by another job, revision passed, fenced off), job_not_found
   */
  commit(previous: Job, transition: Transition, now: number, revision?: PlacementRevision, fence?: Fence): Promise<Job>;

  /**
   * As `commit` for many rows at once, each by itself: a row that has changed is refused and the others are written. All are
   * synced to disk together. `revision` is that of the plan; its own placements do not count against it.
   * @returns in their places, the rows as written or the refusals: conflict, job_not_found
   */
  commitAll(changes: readonly RowChange[], now: number, revision?: PlacementRevision, fence?: Fence): Promise<(Job | BerthError)[]>;

  queue(limit: number): Promise<QueueView>;

  /** The queued and active rows that changed since `cursor`; every one for null, or when nobody knows any more what has changed. */
  changes(cursor: string | null, known: KnownRows): Promise<QueueChanges>;

  /** Jobs with an attempt that has an assignment on the node. */
  onNode(nodeId: string): Promise<Job[]>;

  /** Number of jobs in each state. */
  counts(): Promise<Record<JobState, number>>;

  /** A job's history, oldest first, after the event id `after` (null: from the start); at most 1000. */
  events(jobId: string, after: string | null): Promise<JobEvent[]>;

  /** Resolves at the next change of the job, or after `timeoutMs`, or when the signal aborts; may resolve early. */
  changed(jobId: string, timeoutMs: number, signal: AbortSignal): Promise<void>;

  close(): Promise<void>;
}
