import type { Job } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import type { ApiClient } from "../client/api-client.ts";
import { patiently } from "../client/patience.ts";
import { EXIT, exitCodeOfJob } from "../exit-codes.ts";
import { printError } from "../output/errors.ts";
import { warnSimulatedGpus } from "../output/simulated-gpus.ts";
import { printable } from "../output/style.ts";
import { connectionNotices } from "./connection-notices.ts";
import { followArray } from "./follow-array.ts";
import { followLogs } from "./follow-logs.ts";
import { logPrinter } from "./log-printer.ts";

/** How long after the first Ctrl-C a second one still cancels the job. */
const SECOND_INTERRUPT_MS = 3_000;
const STATUS_INTERVAL_MS = 1_000;

/**
 * Follows a job to its end: why it waits and how it ended on stderr, its output as it comes. The first Ctrl-C detaches
 * and says how to come back, a second cancels the job, a third leaves at once.
 * @returns the exit code of `berth run`
 */
export async function followJob(io: CliIo, api: ApiClient, job: Job): Promise<number> {
  const leave = new AbortController();
  const interrupts = handleInterrupts(io, api, job, leave);
  const watching = watchStatus(io, api, job, leave.signal);
  const printer = logPrinter(io, { prefix: job.spec.replicas > 1, timestamps: false });
  try {
    await warnWhenSimulated(io, api, job);
    const onConnection = connectionNotices(io, api.label);
    const signal = leave.signal;
    const ended =
      job.array === undefined
        ? await followLogs({ api, job, query: {}, clock: io.clock, signal, onRecord: printer.print, onConnection })
        : await followArray({ io, api, array: job, query: {}, timestamps: false, signal });
    printer.close();
    return reportEnd(io, ended);
  } catch (error) {
    if (interrupts.exitCode() !== null) return interrupts.exitCode() ?? EXIT.interrupted;
    throw error;
  } finally {
    printer.close();
    leave.abort();
    interrupts.close();
    await watching;
  }
}

function handleInterrupts(io: CliIo, api: ApiClient, job: Job, leave: AbortController) {
  let count = 0;
  let exitCode: number | null = null;
  let timer: NodeJS.Timeout | undefined;
  const detach = () => {
    exitCode = EXIT.interrupted;
    leave.abort();
  };
  const onInterrupt = () => {
    count += 1;
    clearTimeout(timer);
    if (count === 1) {
      io.stderr.write(`\ndetaching: job ${job.id} goes on; \`berth logs -f ${job.id}\` comes back to it (Ctrl-C again cancels it)\n`);
      timer = setTimeout(detach, SECOND_INTERRUPT_MS);
    } else if (count === 2) {
      io.stderr.write(`cancelling job ${job.id} (Ctrl-C again leaves at once)\n`);
      api.cancel(job.id).catch((error: unknown) => {
        printError(io, error);
        detach();
      });
    } else {
      detach();
    }
  };
  const unsubscribe = io.onSignal("SIGINT", onInterrupt);
  const close = () => {
    clearTimeout(timer);
    unsubscribe();
  };
  return { exitCode: () => exitCode, close };
}

/** Says what a job that does not run yet waits for, each thing once. Ends when the job runs or `signal` aborts. */
async function watchStatus(io: CliIo, api: ApiClient, submitted: Job, signal: AbortSignal): Promise<void> {
  let said = "";
  let job = submitted;
  try {
    while (job.state === "pending" || job.state === "starting") {
      await io.clock.sleep(STATUS_INTERVAL_MS, signal);
      job = await patiently(io.clock, () => api.get(submitted.id, signal), signal);
      const line = statusLine(job);
      if (line !== null && line !== said) io.stderr.write(`${line}\n`);
      said = line ?? said;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function statusLine(job: Job): string | null {
  if (job.state === "pending") return `job ${job.id} is pending: ${printable(job.pendingReason ?? "waiting for the scheduler")}`;
  const message = job.attempt?.replicas.find((replica) => replica.message !== null && replica.state !== "running")?.message;
  return job.state === "starting" ? `job ${job.id} is starting${message ? `: ${printable(message)}` : ""}` : null;
}

/** Before anything of the job shows, when every GPU there is is simulated. */
async function warnWhenSimulated(io: CliIo, api: ApiClient, job: Job): Promise<void> {
  if (job.spec.resources.gpus === 0) return;
  const nodes = (await api.nodes()).filter((node) => node.facts.gpus.length > 0);
  const simulated = nodes.filter((node) => node.facts.simulatedGpus);
  if (simulated.length > 0)
    warnSimulatedGpus(io, simulated.length === nodes.length ? `job ${job.id} gets them` : `job ${job.id} may get them`);
}

function reportEnd(io: CliIo, job: Job): number {
  const code = exitCodeOfJob(job);
  if (job.state !== "succeeded") io.stderr.write(`job ${job.id} ${job.state}: ${printable(job.outcome?.message ?? "no reason given")}\n`);
  return code;
}
