import { type Clock, isTerminal, type Job } from "../../shared/domain/index.ts";
import type { ApiClient, LogQuery, LogRecord } from "../client/api-client.ts";
import { readNdjson } from "../client/ndjson.ts";
import { GIVE_UP_AFTER_MS, isTransient, retryPause } from "../client/patience.ts";
import { type LogCursor, logCursor } from "./log-cursor.ts";

export interface FollowLogs {
  api: ApiClient;
  /** As last seen. */
  job: Job;
  /** With `epoch` only that attempt; without, the last one and those after it. */
  query: Omit<LogQuery, "follow">;
  clock: Clock;
  signal: AbortSignal;
  onRecord(record: LogRecord): void;
  /** Told once each time the connection is lost, and once when it is back. */
  onConnection(state: "lost" | "back", error: unknown): void;
}

/** What is known between two connections. */
interface Progress {
  cursor: LogCursor;
  opened: boolean;
  /** No later attempt than this can have ended unseen. */
  epoch: number;
  lostAt: number | null;
}

/**
 * Gives every record of a job's log once, from `query` to the end of the job, over any number of broken connections, and
 * resolves with the job. The first connection may fail; later ones are tried for ten minutes.
 * @throws BerthError of the first connection, or of the last try
 */
export async function followLogs(options: FollowLogs): Promise<Job> {
  const progress: Progress = { cursor: logCursor(), opened: false, epoch: Math.max(1, options.job.epoch), lostAt: null };
  for (let failures = 0; ; failures += 1) {
    try {
      const isWhole = (await readUnseenAttempts(options, progress)) && (await readStream(options, progress, options.query.epoch));
      const job = await options.api.get(options.job.id, options.signal);
      if (isWhole && isOver(job, options.query.epoch)) return job;
      failures = 0;
    } catch (error) {
      noteFailure(options, progress, error);
    }
    await options.clock.sleep(retryPause(failures), options.signal);
  }
}

/**
 * Without an epoch a server begins at the newest attempt: one that ended while the connection was broken must be asked for
 * by its number. True when all of them were read to their ends.
 */
async function readUnseenAttempts(options: FollowLogs, progress: Progress): Promise<boolean> {
  if (!progress.opened || options.query.epoch !== undefined) return true;
  const { epoch } = await options.api.get(options.job.id, options.signal);
  for (; progress.epoch < epoch; progress.epoch += 1) {
    if (!(await readStream(options, progress, progress.epoch))) return false;
  }
  return true;
}

/** Reads one followed stream to its end; false when the server ended it early because it stops. */
async function readStream(options: FollowLogs, progress: Progress, epoch: number | undefined): Promise<boolean> {
  const { api, job, query, signal } = options;
  const since = progress.cursor.since();
  // `tail` only chose where to begin: asked again it would skip what came meanwhile.
  const from = since === undefined ? query : { ...query, since, tail: undefined };
  const stream = await api.logs(job.id, { ...from, epoch, follow: true }, signal);
  if (progress.lostAt !== null) options.onConnection("back", null);
  Object.assign(progress, { opened: true, lostAt: null });
  progress.cursor.reopen();
  let isWhole = true;
  for await (const record of readNdjson<LogRecord>(stream)) {
    if (record.stream === "note") isWhole = false;
    else if (progress.cursor.accept(record)) options.onRecord(record);
  }
  return isWhole;
}

function noteFailure(options: FollowLogs, progress: Progress, error: unknown): void {
  options.signal.throwIfAborted();
  if (!progress.opened || !isTransient(error)) throw error;
  if (progress.lostAt === null) options.onConnection("lost", error);
  progress.lostAt ??= options.clock.monotonic();
  if (options.clock.monotonic() - progress.lostAt > GIVE_UP_AFTER_MS) throw error;
}

/** A server that is killed may end its streams too: only the row tells that the job, or the attempt, has ended. */
function isOver(job: Job, epoch: number | undefined): boolean {
  return isTerminal(job.state) || (epoch !== undefined && (job.epoch > epoch || job.state === "pending"));
}
