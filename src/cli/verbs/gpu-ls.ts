import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { type FormatOptions, printListing, withFormats } from "../output/formats.ts";
import { localGpuListing } from "../output/gpu-listing.ts";
import { warnSimulatedGpus } from "../output/simulated-gpus.ts";
import { action, examples } from "../verb.ts";

/** Asks the agent, not NVML: the agent says what it would place jobs on, and what is wrong with the driver. */
export function gpuLsCommand(io: CliIo): Command {
  const command = withFormats(withNode(new Command("ls")))
    .description("List the GPUs of this machine as its agent sees them now.")
    .action(action(io, (options: FormatOptions, self: Command) => listGpus(io, options, self)));
  return examples(command, ["berth gpu ls", "berth gpu ls -o wide"]);
}

async function listGpus(io: CliIo, options: FormatOptions, self: Command): Promise<void> {
  const { hostname, simulated, problem, gpus } = await connectNode(io, self).gpus();
  if (simulated) warnSimulatedGpus(io, hostname);
  if (problem !== null) io.stderr.write(`${hostname}: ${problem}\n`);
  return printListing(io, options, localGpuListing(io.clock.now()), gpus);
}
