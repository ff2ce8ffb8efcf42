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

/**
 * Gives every record of a job's log once, from `query` to the end of the job, over any number of broken connections,
 * and resolves with the job. The first connection may fail; later ones are tried for ten minutes.
 *
 * Attempts are asked for one by one: a retry while the connection is broken must not hide the end of the attempt before.
 * @throws BerthError of the first connection, or of the last try
 */
export async function followLogs(options: FollowLogs): Promise<Job> {
  const connection = { opened: false };
  for (let epoch = options.query.epoch ?? Math.max(1, options.job.epoch); ; epoch += 1) {
    const job = await followAttempt(options, epoch, connection);
    if (options.query.epoch !== undefined || (isTerminal(job.state) && job.epoch <= epoch)) return job;
  }
}

async function followAttempt(options: FollowLogs, epoch: number, connection: { opened: boolean }): Promise<Job> {
  const { api, clock, signal } = options;
  const cursor = logCursor();
  let lostAt: number | null = null;
  for (let failures = 0; ; failures += 1) {
    try {
      const stream = await api.logs(options.job.id, { ...resumed(options.query, cursor), epoch, follow: true }, signal);
      if (lostAt !== null) options.onConnection("back", null);
      lostAt = null;
      connection.opened = true;
      cursor.reopen();
      for await (const record of readNdjson<LogRecord>(stream))
        if (record.stream === "note" || cursor.accept(record)) options.onRecord(record);
      const job = await api.get(options.job.id, signal);
      if (isOver(job, epoch)) return job;
      failures = 0;
    } catch (error) {
      signal.throwIfAborted();
      if (!connection.opened || !isTransient(error)) throw error;
      if (lostAt === null) options.onConnection("lost", error);
      lostAt ??= clock.monotonic();
      if (clock.monotonic() - lostAt > GIVE_UP_AFTER_MS) throw error;
    }
    await clock.sleep(retryPause(failures), signal);
  }
}

/** A server that stops ends its streams too: only the row tells that the attempt has ended. */
function isOver(job: Job, epoch: number): boolean {
  return isTerminal(job.state) || job.epoch > epoch || (job.epoch === epoch && job.state === "pending");
}

/** `tail` only chose where to begin: asked again it would skip what came meanwhile. */
function resumed(query: FollowLogs["query"], cursor: LogCursor): FollowLogs["query"] {
  const since = cursor.since();
  return since === undefined ? query : { ...query, since, tail: undefined };
}
