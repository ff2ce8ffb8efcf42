import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { EXIT } from "../exit-codes.ts";
import { printError } from "../output/errors.ts";
import { action, examples } from "../verb.ts";

export function cancelVerb(io: CliIo): Command {
  const command = withHost(new Command("cancel"))
    .description("End jobs: pending ones at once, running ones with SIGTERM, their grace period, then SIGKILL.")
    .argument("<job...>", "ids or names")
    .action(action(io, (jobs: string[], _options: object, self: Command) => cancelJobs(io, jobs, self)));
  return examples(command, ["berth cancel 7", "berth cancel $(berth ps --state pending -o name)"]);
}

/** One that cannot be cancelled does not keep the others from it. */
async function cancelJobs(io: CliIo, jobs: readonly string[], self: Command): Promise<number> {
  const api = await connectApi(io, self);
  let exitCode: number = EXIT.ok;
  for (const name of jobs) {
    try {
      const job = await api.cancel(jobId(name));
      io.stdout.write(`job/${job.id}\n`);
      io.stderr.write(`job ${job.id} is ${job.state}\n`);
    } catch (error) {
      printError(io, error);
      exitCode = EXIT.error;
    }
  }
  return exitCode;
}

/** "job/7", as -o name prints it, is 7. */
export function jobId(text: string): string {
  return text.startsWith("job/") ? text.slice("job/".length) : text;
}
