import {
  formatTaskIndexes,
  type Job,
  type JobState,
  nameOfJobId,
  parseTaskIndexes,
  taskIndexesOf,
  taskIndexList,
} from "../../shared/domain/index.ts";

const LONGEST_INDEXES = 24;
const WORDS: readonly [JobState, string][] = [
  ["starting", "starting"],
  ["running", "running"],
  ["stopping", "stopping"],
  ["succeeded", "succeeded"],
  ["failed", "failed"],
  ["cancelled", "cancelled"],
];

/** "81"; "81_3" for a task; "81_[10-99%10]" for what of an array has not started, as in squeue; "81_[0-99]" when it has ended. */
export function jobLabel(job: Job, pendingTasks: readonly number[] = []): string {
  const { array, spec } = job;
  if (array === undefined || spec.array === undefined) return nameOfJobId(job);
  const waiting = waitingIndexes(array.waiting, pendingTasks);
  const shown = waiting === "" ? spec.array.indexes : waiting;
  const short = shown.length > LONGEST_INDEXES ? `${shown.slice(0, LONGEST_INDEXES).replace(/,[^,]*$/, "")},...` : shown;
  return `${job.id}_[${short}${spec.array.limit === null ? "" : `%${spec.array.limit}`}]`;
}

/** "3 running, 90 waiting, 7 succeeded". */
export function arraySummary({ array }: Job): string {
  if (array === undefined) return "";
  const count = (state: JobState) => array.tasks[state] + (state === "cancelled" ? array.dropped : 0);
  const waiting = parseTaskIndexes(array.waiting).count + array.tasks.pending;
  const parts = WORDS.flatMap(([state, word]) => (count(state) === 0 ? [] : [`${count(state)} ${word}`]));
  const place = parts.findIndex((part) => !/starting|running|stopping/.test(part));
  if (waiting > 0) parts.splice(place < 0 ? parts.length : place, 0, `${waiting} waiting`);
  return parts.join(", ");
}

function waitingIndexes(waiting: string, pendingTasks: readonly number[]): string {
  if (pendingTasks.length === 0) return waiting;
  return formatTaskIndexes(taskIndexesOf([...taskIndexList(parseTaskIndexes(waiting)), ...pendingTasks]));
}
