import { Command } from "commander";
import { nameOfJobId } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { jobOrTasks } from "../client/job-names.ts";
import { arraySummary } from "../output/array-text.ts";
import { action, examples } from "../verb.ts";
import { eachOf } from "./each-of.ts";

/** Exits with 1 when a job could not be cancelled, after the others were. */
export function cancelVerb(io: CliIo): Command {
  const command = withHost(new Command("cancel"))
    .description("End jobs: pending ones at once, running ones with SIGTERM, their grace period, then SIGKILL.")
    .argument("<job...>", "ids or names; 81_3 or 81_[0-4] for tasks of array 81")
    .action(action(io, (jobs: string[], _options: object, self: Command) => cancelJobs(io, jobs, self)));
  return examples(command, ["berth cancel 7", "berth cancel 81_[10-99]", "berth cancel $(berth ps --state pending -o name)"]);
}

async function cancelJobs(io: CliIo, jobs: readonly string[], self: Command): Promise<number> {
  const api = await connectApi(io, self);
  return eachOf(io, jobs, async (name) => {
    const { id, tasks } = jobOrTasks(name);
    const job = await api.cancel(id, tasks);
    io.stdout.write(`job/${nameOfJobId(job)}\n`);
    io.stderr.write(job.array === undefined ? `job ${nameOfJobId(job)} is ${job.state}\n` : `array ${job.id}: ${arraySummary(job)}\n`);
  });
}
