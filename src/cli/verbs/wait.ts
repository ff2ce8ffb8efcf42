import { Command, InvalidArgumentError } from "commander";
import { isTerminal, type Job, nameOfJobId, parseDurationSeconds } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import type { ApiClient } from "../client/api-client.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { unfoldTasks } from "../client/job-names.ts";
import { patiently } from "../client/patience.ts";
import { EXIT, exitCodeOfJob, worstExitCode } from "../exit-codes.ts";
import { printable } from "../output/style.ts";
import { duration } from "../submit/option-values.ts";
import { action, examples } from "../verb.ts";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
/** setTimeout takes 31 bits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Exits as the first job that did not succeed, in the order of the arguments, with 124 at --timeout. A server that is away
 * is waited for, ten minutes at most.
 */
export function waitVerb(io: CliIo): Command {
  const command = withHost(new Command("wait"))
    .description("Wait for jobs to end. Returns the first exit code that is not 0, or 124 when the time is over.")
    .argument("<job...>", "ids or names; 81_3 or 81_[0-4] for tasks of array 81")
    .option("--timeout <duration>", "give up after this long (90s, 2h)", duration)
    .action(action(io, (jobs: string[], options: { timeout?: string }, self: Command) => waitForJobs(io, jobs, options, self)));
  return examples(command, ["berth wait 7 8", "berth wait 81_[0-4]", "berth wait --timeout 2h $(berth submit sweep.yaml -o name)"]);
}

async function waitForJobs(io: CliIo, names: readonly string[], options: { timeout?: string }, self: Command): Promise<number> {
  const api = await connectApi(io, self);
  const seconds = options.timeout === undefined ? Number.POSITIVE_INFINITY : parseDurationSeconds(options.timeout);
  if (seconds <= 0) throw new InvalidArgumentError("--timeout must be more than 0.");
  const deadline = io.clock.monotonic() + seconds * 1000;
  const codes = await Promise.all(names.flatMap(unfoldTasks).map((name) => waitForJob(io, api, name, deadline)));
  return worstExitCode(codes);
}

async function waitForJob(io: CliIo, api: ApiClient, id: string, deadline: number): Promise<number> {
  // A name means the newest job of that name: settled once, so that a later one is not waited for.
  let job: Job = await api.get(id);
  const name = nameOfJobId(job);
  for (let pause = FIRST_PAUSE_MS; !isTerminal(job.state); pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    const left = deadline - io.clock.monotonic();
    if (left <= 0) {
      io.stderr.write(`job ${name} is still ${job.state}\n`);
      return EXIT.timeout;
    }
    await io.clock.sleep(Math.min(pause, left));
    job = await askUntil(io, api, job, left);
  }
  io.stdout.write(`job/${name} ${job.state}\n`);
  if (job.state !== "succeeded") io.stderr.write(`job ${name} ${job.state}: ${printable(job.outcome?.message ?? "")}\n`);
  return exitCodeOfJob(job);
}

/** The job as it is now, or as it was when `milliseconds` are over and nobody answered. */
async function askUntil(io: CliIo, api: ApiClient, job: Job, milliseconds: number): Promise<Job> {
  const limit = AbortSignal.timeout(Math.min(Math.ceil(milliseconds), LONGEST_TIMER_MS));
  return patiently(io.clock, () => api.get(job.id, limit), limit).catch((error: unknown) => {
    if (limit.aborted) return job;
    throw error;
  });
}
