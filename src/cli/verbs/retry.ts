import { Command } from "commander";
import { nameOfJobId } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { jobOrTasks } from "../client/job-names.ts";
import { arraySummary } from "../output/array-text.ts";
import { action, examples } from "../verb.ts";
import { eachOf } from "./each-of.ts";

/** Exits with 1 when a job could not be run again, after the others were. */
export function retryVerb(io: CliIo): Command {
  const command = withHost(new Command("retry"))
    .description("Run failed or cancelled jobs again: as new jobs; an array's failed tasks under their own index.")
    .argument("<job...>", "ids or names; 81_3 or 81_[0-4] for tasks of array 81")
    .action(action(io, (jobs: string[], _options: object, self: Command) => retryJobs(io, jobs, self)));
  return examples(command, ["berth retry 7", "berth retry 81          # its failed tasks", "berth retry 81_[3,7-9]"]);
}

async function retryJobs(io: CliIo, jobs: readonly string[], self: Command): Promise<number> {
  const api = await connectApi(io, self);
  return eachOf(io, jobs, async (name) => {
    const { id, tasks } = jobOrTasks(name);
    const job = await api.retry(id, tasks);
    io.stdout.write(`job/${nameOfJobId(job)}\n`);
    io.stderr.write(job.array === undefined ? `job ${id} runs again as job ${job.id}\n` : `array ${job.id}: ${arraySummary(job)}\n`);
  });
}
