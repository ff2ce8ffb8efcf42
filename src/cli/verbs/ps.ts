import { Command, InvalidArgumentError } from "commander";
import type { Job, JobState } from "../../shared/domain/index.ts";
import { type CliIo, stopSignal } from "../cli-io.ts";
import type { ApiClient } from "../client/api-client.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { jobId } from "../client/job-names.ts";
import { EXIT } from "../exit-codes.ts";
import { type FormatOptions, printListing, withFormats } from "../output/formats.ts";
import { jobListing } from "../output/job-listing.ts";
import { positiveInteger } from "../submit/option-values.ts";
import { action, examples } from "../verb.ts";

const STATES: readonly JobState[] = ["pending", "starting", "running", "stopping", "succeeded", "failed", "cancelled"];
const ACTIVE: readonly JobState[] = ["pending", "starting", "running", "stopping"];
const WATCH_INTERVAL_MS = 2_000;

interface Options extends FormatOptions {
  all?: boolean;
  state?: JobState[];
  name?: string;
  project?: string;
  user?: string;
  label?: string[];
  limit?: number;
  watch?: boolean;
  array?: string;
  tasks?: boolean;
}

/** With --watch the screen is drawn anew only on a terminal; Ctrl-C ends it with 130. */
export function psVerb(io: CliIo): Command {
  const command = withFormats(withHost(new Command("ps")))
    .description("List jobs, newest first: by default those that have not ended.")
    .option("-a, --all", "ended jobs too")
    .option("--state <states>", "only these states, separated by commas", states)
    .option("--name <name>", "only jobs of this name")
    .option("--project <project>", "only jobs of this project")
    .option("--user <user>", "only jobs of this user")
    .option("-l, --label <k=v...>", "only jobs with this label")
    .option("--array <id>", "the tasks of this array, each by itself")
    .option("--tasks", "also tasks of arrays that wait or have ended")
    .option("-n, --limit <count>", "at most this many", positiveInteger)
    .option("-w, --watch", "show it again every 2 s until Ctrl-C")
    .action(action(io, (options: Options, self: Command) => listJobs(io, options, self)));
  return examples(command, ["berth ps", "berth ps -a -n 20 -o wide", "berth ps --state failed -o name", "berth ps -a --array 81"]);
}

function states(text: string): JobState[] {
  const wanted = text.split(",").map((state) => state.trim()) as JobState[];
  const unknown = wanted.find((state) => !STATES.includes(state));
  if (unknown !== undefined) throw new InvalidArgumentError(`the states are ${STATES.join(", ")}.`);
  return wanted;
}

async function listJobs(io: CliIo, options: Options, self: Command): Promise<number> {
  const api = await connectApi(io, self);
  if (!options.watch) {
    await show(io, api, options);
    return EXIT.ok;
  }
  const stop = stopSignal(io);
  try {
    while (!stop.signal.aborted) {
      if (io.colour.stdout) io.stdout.write("\u001b[H\u001b[2J");
      await show(io, api, options, stop.signal);
      await io.clock.sleep(WATCH_INTERVAL_MS, stop.signal);
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    stop.close();
  }
  return EXIT.interrupted;
}

async function show(io: CliIo, api: ApiClient, options: Options, signal?: AbortSignal): Promise<void> {
  const { name, project, user, label, limit, tasks } = options;
  const array = options.array === undefined ? undefined : jobId(options.array);
  const wanted = options.state ?? (options.all ? [] : ACTIVE);
  const jobs = await api.list({ states: wanted, name, project, user, label, limit, array, tasks }, signal);
  const isTable = options.output === "table" || options.output === "wide";
  const names = isTable && jobs.some(hasPlace) ? await nodeNames(api, signal) : new Map<string, string>();
  await printListing(io, options, jobListing(io.clock.now(), names, isTable ? await pendingTasks(api, jobs, signal) : undefined), jobs);
}

function hasPlace(job: Job): boolean {
  return (job.attempt?.assignments.length ?? 0) > 0;
}

/** Array -> its tasks that wait with a job of their own: its listed name counts them as not started. */
async function pendingTasks(api: ApiClient, jobs: readonly Job[], signal?: AbortSignal): Promise<Map<string, number[]>> {
  const arrays = jobs.filter(({ array }) => (array?.tasks.pending ?? 0) > 0);
  const lists = await Promise.all(arrays.map(({ id }) => api.list({ states: ["pending"], array: id }, signal)));
  return new Map(arrays.map(({ id }, place) => [id, (lists[place] ?? []).flatMap(({ task }) => task?.index ?? [])]));
}

async function nodeNames(api: ApiClient, signal?: AbortSignal): Promise<Map<string, string>> {
  return new Map((await api.nodes(signal)).map((node) => [node.id, node.name]));
}
