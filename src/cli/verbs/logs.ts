import { Command, InvalidArgumentError } from "commander";
import { parseDurationSeconds } from "../../shared/domain/index.ts";
import { type CliIo, stopSignal } from "../cli-io.ts";
import type { LogQuery, LogRecord } from "../client/api-client.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { jobId } from "../client/job-names.ts";
import { readNdjson } from "../client/ndjson.ts";
import { EXIT } from "../exit-codes.ts";
import { connectionNotices } from "../follow/connection-notices.ts";
import { followArray, showArrayLogs } from "../follow/follow-array.ts";
import { followLogs } from "../follow/follow-logs.ts";
import { logPrinter } from "../follow/log-printer.ts";
import { naturalNumber, positiveInteger } from "../submit/option-values.ts";
import { action, examples } from "../verb.ts";

interface Options {
  follow?: boolean;
  tail?: number;
  since?: string;
  timestamps?: boolean;
  rank?: number;
  epoch?: number;
}

/** Exits with 0 whatever became of the job, 130 at Ctrl-C. With --follow a broken connection is taken up again. */
export function logsVerb(io: CliIo): Command {
  const command = withHost(new Command("logs"))
    .description("Show a job's output: its stdout on stdout, its stderr on stderr.")
    .argument("<job>", "id, or name (its newest job); 81_3 for a task of array 81, 81 for all of them")
    .option("-f, --follow", "go on until the job has ended")
    .option("--tail <lines>", "only the last lines of each rank", naturalNumber)
    .option("--since <time>", "only later lines: 10m, 2h, or 2026-03-01T12:00:00Z", timeOrAge)
    .option("-t, --timestamps", "the time before each line")
    .option("--rank <n>", "only this replica", naturalNumber)
    .option("--epoch <n>", "of an earlier attempt (default: the last)", positiveInteger)
    .action(action(io, (job: string, options: Options, self: Command) => showLogs(io, jobId(job), options, self)));
  return examples(command, ["berth logs -f 7", "berth logs --tail 100 --timestamps trainer", "berth logs --rank 3 7 > rank3.log"]);
}

function timeOrAge(text: string): string {
  if (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(Date.parse(text))) return text;
  try {
    parseDurationSeconds(text);
    return text;
  } catch {
    throw new InvalidArgumentError("write it like 10m or 2026-03-01T12:00:00Z.");
  }
}

/** RFC 3339 of "10m" ago or of a written time. */
export function sinceTime(text: string, now: number): string {
  const milliseconds = /^\d{4}-/.test(text) ? Date.parse(text) : now - parseDurationSeconds(text) * 1000;
  return new Date(milliseconds).toISOString();
}

async function showLogs(io: CliIo, id: string, options: Options, self: Command): Promise<number> {
  const api = await connectApi(io, self);
  const job = await api.get(id);
  const since = options.since === undefined ? undefined : sinceTime(options.since, io.clock.now());
  const query: Omit<LogQuery, "follow"> = { rank: options.rank, epoch: options.epoch, tail: options.tail, since };
  const printer = logPrinter(io, { prefix: job.spec.replicas > 1 && options.rank === undefined, timestamps: options.timestamps ?? false });
  const stop = stopSignal(io);
  const ofArray = { io, api, array: job, query, timestamps: options.timestamps ?? false, signal: stop.signal };
  try {
    if (job.array !== undefined) await (options.follow ? followArray(ofArray) : showArrayLogs(ofArray));
    else if (options.follow) {
      const onConnection = connectionNotices(io, api.label);
      await followLogs({ api, job, query, clock: io.clock, signal: stop.signal, onRecord: printer.print, onConnection });
    } else {
      const stream = await api.logs(job.id, { ...query, follow: false }, stop.signal);
      for await (const record of readNdjson<LogRecord>(stream)) printer.print(record);
    }
    return EXIT.ok;
  } catch (error) {
    if (stop.signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    printer.close();
    stop.close();
  }
}
