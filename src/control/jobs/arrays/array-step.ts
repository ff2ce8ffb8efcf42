import {
  type ArrayProgress,
  BerthError,
  formatTaskIndexes,
  isTerminal,
  type Job,
  type JobState,
  type Outcome,
  parseTaskIndexes,
  splitTaskIndexes,
  type TaskIndexes,
  takeTaskIndexes,
  taskIndexesOf,
  taskIndexList,
} from "../../../shared/domain/index.ts";
import { type HistoryLine, nextRow } from "../job-change.ts";

/**
 * Tasks of one array that wait with a row. Enough to fill a pass; few enough that a job submitted after an array of any
 * size is never behind more than these: a task's age in the queue counts from its row.
 */
export const WAITING_WITH_ROW = 64;

/** The array's next row, the tasks that get rows with it, and the ended tasks that lose theirs to wait again. */
export interface ArrayStep {
  array: Job;
  start: number[];
  again: number[];
  history: HistoryLine[];
}

/** Index -> exit code of the failed tasks. */
type Failures = ReadonlyMap<number, number | null>;

export interface TaskTally {
  /** Without a row. */
  waiting: number;
  /** With a row that has not ended. */
  live: number;
  active: number;
  /** Cancelled before they had a row among them. */
  ended: number;
}

/** Every task is counted once: waiting + live + ended is the size of the array. */
export function tallyOf({ waiting, dropped, tasks }: ArrayProgress): TaskTally {
  const active = tasks.starting + tasks.running + tasks.stopping;
  return {
    waiting: parseTaskIndexes(waiting).count,
    live: tasks.pending + active,
    active,
    ended: tasks.succeeded + tasks.failed + tasks.cancelled + dropped,
  };
}

/**
 * What the array needs now: rows for its next tasks, and the state that its tasks give it. Null when nothing changes.
 * `failures` is asked for only when it has ended.
 */
export function advance(array: Job, progress: ArrayProgress, now: number, failures: Failures): ArrayStep | null {
  const { taken, rest } = takeTaskIndexes(parseTaskIndexes(progress.waiting), room(array, progress));
  const next = { ...progress, waiting: formatTaskIndexes(rest) };
  const state = stateOf({ ...next, tasks: { ...next.tasks, pending: next.tasks.pending + taken.length } });
  if (taken.length === 0 && state === array.state) return null;
  const row = nextRow(array, { ...stateFields(array, next, state, now, failures), array: next });
  const line = state === array.state ? [] : [{ type: state, message: row.outcome?.message ?? `the array is ${state}` }];
  return { array: row, start: taken, again: [], history: line };
}

/** Ends the wait of tasks without a row; those with one are cancelled as any job. Null indexes: the whole array. */
export function cancelWaiting(array: Job, progress: ArrayProgress, indexes: TaskIndexes | null, by: string): ArrayStep | null {
  const waiting = parseTaskIndexes(progress.waiting);
  const { inside, outside } =
    indexes === null ? { inside: waiting, outside: { ranges: [], count: 0 } } : splitTaskIndexes(waiting, indexes);
  const whole = indexes === null && progress.cancelledBy === undefined && !isTerminal(array.state);
  if (inside.count === 0 && !whole) return null;
  const next: ArrayProgress = {
    ...progress,
    waiting: formatTaskIndexes(outside),
    dropped: progress.dropped + inside.count,
    ...(whole ? { cancelledBy: by } : {}),
  };
  const what = whole ? "the array" : `tasks ${formatTaskIndexes(inside)}`;
  const line = { type: "cancel-requested", message: `cancel of ${what} requested by ${by}` };
  return { array: nextRow(array, { array: next }), start: [], again: [], history: [line] };
}

/** Ended tasks wait again, as if they had never had a row. The caller knows that they have ended badly. */
export function retryTasks(
  array: Job,
  progress: ArrayProgress,
  { again, dropped }: { again: readonly number[]; dropped: readonly number[] },
  by: string,
): ArrayStep {
  const indexes = taskIndexesOf([...again, ...dropped]);
  const waiting = taskIndexesOf([...taskIndexList(parseTaskIndexes(progress.waiting)), ...taskIndexList(indexes)]);
  const { cancelledBy: _cancelledBy, ...open } = progress;
  const next = { ...open, waiting: formatTaskIndexes(waiting), dropped: progress.dropped - dropped.length };
  const line = { type: "retry-requested", message: `retry of tasks ${formatTaskIndexes(indexes)} requested by ${by}` };
  const state = isTerminal(array.state) ? ("running" as const) : array.state;
  return {
    array: nextRow(array, { array: next, state, finishedAt: null, outcome: null, pendingReason: null }),
    start: [],
    again: [...again],
    history: [line],
  };
}

/** @throws BerthError invalid_request when the job is no array */
export function progressOf(array: Job): ArrayProgress {
  if (array.array === undefined) throw new BerthError("invalid_request", `job ${array.id} is not an array`);
  return array.array;
}

function room({ spec }: Job, progress: ArrayProgress): number {
  if (progress.cancelledBy !== undefined) return 0;
  const { live } = tallyOf(progress);
  return Math.max(0, Math.min((spec.array?.limit ?? Number.POSITIVE_INFINITY) - live, WAITING_WITH_ROW - progress.tasks.pending));
}

/** Running from its first task's start to its last one's end; then failed if a task failed, else cancelled if one was. */
function stateOf(progress: ArrayProgress): JobState {
  const { waiting, live, active, ended } = tallyOf(progress);
  if (waiting + live > 0) {
    if (active === 0 && ended === 0) return "pending";
    return progress.cancelledBy === undefined ? "running" : "stopping";
  }
  if (progress.tasks.failed > 0) return "failed";
  return progress.tasks.cancelled + progress.dropped > 0 ? "cancelled" : "succeeded";
}

function stateFields(array: Job, progress: ArrayProgress, state: JobState, now: number, failures: Failures): Partial<Job> {
  if (state === "pending") return {};
  const startedAt = array.startedAt ?? now;
  if (!isTerminal(state)) return { state, startedAt, pendingReason: null };
  return { state, startedAt, finishedAt: now, pendingReason: null, outcome: outcomeOf(array, progress, state, failures) };
}

/** The exit code of the whole is the highest of any task, as in Slurm. */
function outcomeOf({ id }: Job, { tasks, dropped }: ArrayProgress, state: JobState, failures: Failures): Outcome {
  const total = tasks.succeeded + tasks.failed + tasks.cancelled + dropped;
  if (state === "succeeded") return { cause: "exited", exitCode: 0, message: `all ${total} tasks succeeded` };
  if (state === "cancelled") {
    return { cause: "cancelled", exitCode: null, message: `${tasks.cancelled + dropped} of ${total} tasks were cancelled` };
  }
  const codes = [...failures.values()].filter((code) => code !== null);
  const which = formatTaskIndexes(taskIndexesOf(failures.keys()));
  const named = which.length > 200 ? `${which.slice(0, 200)}...` : which;
  const exitCode = codes.length === 0 ? null : Math.max(...codes);
  return { cause: "exited", exitCode, message: `${tasks.failed} of ${total} tasks failed: ${id}_[${named}]` };
}
