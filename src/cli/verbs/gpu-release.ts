import { Command } from "commander";
import { parseDurationSeconds } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { duration } from "../submit/option-values.ts";
import { action, examples } from "../verb.ts";

/** Exits with 1 when the driver hangs and the agent could not close it: a reset would fail then. */
export function gpuReleaseCommand(io: CliIo): Command {
  const command = withNode(new Command("release"))
    .description(
      "Let go of the driver so that GPUs can be reset or partitioned; then look at them anew. Nothing is placed on them meanwhile.",
    )
    .option("--for <duration>", "how long, at most 1h", duration, "5m")
    .option("--end", "end it now; without a release before, only look at them anew and accept a swapped GPU")
    .action(action(io, (options: { for: string; end?: true }, self: Command) => release(io, options, self)));
  return examples(command, ["berth gpu release --for 10m", "nvidia-smi -i 0 -mig 1", "berth gpu release --end"]);
}

async function release(io: CliIo, options: { for: string; end?: true }, self: Command): Promise<number> {
  const seconds = options.end ? 0 : parseDurationSeconds(options.for);
  const { closed } = await connectNode(io, self).releaseGpus(seconds);
  if (!closed) io.stderr.write("the driver hangs: the agent still has it open\n");
  return closed ? 0 : 1;
}
