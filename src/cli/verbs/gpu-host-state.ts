import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { action, examples } from "../verb.ts";

interface Options {
  out: string;
  driverRoot: string;
  simulated: boolean;
}

/** Run by hooks/install.sh, by udev when GPUs come and go, and by berth-runtime when it finds the state missing or stale. */
export function gpuHostStateCommand(io: CliIo): Command {
  const command = new Command("host-state")
    .description("Write what berth-runtime needs to know of this machine's GPUs.")
    .option("--out <file>", "the file to write", "/run/berth/gpu-host-state.json")
    .option("--driver-root <folder>", "where the NVIDIA driver is installed", "/")
    .option("--simulated", "the driver root is one of simulated GPUs", false)
    .action(
      action(io, async ({ out, driverRoot, simulated }: Options) => {
        const [{ loadNative }, { writeHostState }] = await Promise.all([
          import("../../node/platform/index.ts"),
          import("../../node/gpu/index.ts"),
        ]);
        const { devices } = await writeHostState({ native: loadNative(), clock: io.clock, driverRoot, simulated, path: out });
        io.stdout.write(`${out}: ${devices.length} GPUs\n`);
      }),
    );
  return examples(command, ["berth gpu host-state", "berth gpu host-state --driver-root /run/nvidia/driver"]);
}
