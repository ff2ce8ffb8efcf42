import { isBerthError, isTerminal, type Job, nameOfJobId } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import type { ApiClient, LogQuery, LogRecord } from "../client/api-client.ts";
import { readNdjson } from "../client/ndjson.ts";
import { patiently } from "../client/patience.ts";
import { connectionNotices } from "./connection-notices.ts";
import { followLogs } from "./follow-logs.ts";
import { logPrinter } from "./log-printer.ts";

const LOOK_MS = 1_000;
/** Tasks followed at a time; those behind them lose nothing, their logs are kept. */
const AT_A_TIME = 16;

interface ArrayLogs {
  io: CliIo;
  api: ApiClient;
  array: Job;
  query: Omit<LogQuery, "follow">;
  timestamps: boolean;
  signal: AbortSignal;
}

/** What the tasks have written so far, one after the other by index. */
export async function showArrayLogs(logs: ArrayLogs): Promise<void> {
  for (const task of await tasksOf(logs)) {
    const printer = printerOf(logs, task);
    try {
      const stream = await logs.api.logs(task.id, { ...logs.query, follow: false }, logs.signal);
      for await (const record of readNdjson<LogRecord>(stream)) printer.print(record);
    } catch (error) {
      if (!isBerthError(error, "logs_not_found")) throw error;
    } finally {
      printer.close();
    }
  }
}

/** Every task's output until the array has ended, each line with its task's name. @returns the array as it ended */
export async function followArray(logs: ArrayLogs): Promise<Job> {
  const { io, api, array, signal } = logs;
  const seen = new Set<string>();
  const queue: Job[] = [];
  const following = new Set<Promise<void>>();
  for (;;) {
    // The array is read before its tasks: an end then means that every task is among those read after it.
    const now = await patiently(io.clock, () => api.get(array.id, signal), signal);
    for (const task of await patiently(io.clock, () => tasksOf(logs), signal)) {
      if (seen.has(task.id)) continue;
      seen.add(task.id);
      queue.push(task);
    }
    while (following.size < AT_A_TIME && queue.length > 0) {
      const done = followTask(logs, queue.shift() as Job);
      following.add(done);
      // Its failure is thrown below, by whoever waits for it.
      void done.then(
        () => following.delete(done),
        () => {},
      );
    }
    if (isTerminal(now.state) && queue.length === 0 && following.size === 0) return now;
    await Promise.race([...following, io.clock.sleep(LOOK_MS, signal)]);
  }
}

async function followTask(logs: ArrayLogs, job: Job): Promise<void> {
  const { io, api, query, signal } = logs;
  const printer = printerOf(logs, job);
  try {
    await followLogs({
      ...{ api, job, query, clock: io.clock, signal },
      ...{ onRecord: printer.print, onConnection: connectionNotices(io, api.label) },
    });
  } finally {
    printer.close();
  }
}

function printerOf({ io, timestamps }: ArrayLogs, task: Job) {
  return logPrinter(io, { prefix: task.spec.replicas > 1, label: nameOfJobId(task), timestamps });
}

/** Those that have a job, by index. */
async function tasksOf({ api, array, signal }: ArrayLogs): Promise<Job[]> {
  const tasks = await api.list({ states: [], array: array.id }, signal);
  return tasks.sort((left, right) => (left.task?.index ?? 0) - (right.task?.index ?? 0));
}
