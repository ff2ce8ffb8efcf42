import { Command, Option } from "commander";
import { parseDurationSeconds } from "../../shared/domain/index.ts";
import type { GenerateOptions } from "../cdi/generate-cdi.ts";
import type { CliIo } from "../cli-io.ts";
import { cdiListing } from "../output/cdi-listing.ts";
import { type FormatOptions, printListing, withFormats } from "../output/formats.ts";
import { duration } from "../submit/option-values.ts";
import { action, examples } from "../verb.ts";

/** Works without a running Berth: a machine may use Berth for nothing but its CDI file. */
export function gpuCdiCommand(io: CliIo): Command {
  const cdi = new Command("cdi").description(
    "Offer this machine's GPUs to podman, containerd and Docker by CDI (the Container Device Interface).",
  );
  cdi.addCommand(generateCommand(io)).addCommand(listCommand(io));
  return examples(cdi, ["berth gpu cdi generate --output /etc/cdi/berth.yaml", "podman run --device nvidia.com/gpu=0 ..."]);
}

function generateCommand(io: CliIo): Command {
  const command = new Command("generate")
    .description("Write the CDI specification of this machine's GPUs; remove the file when there is none to offer.")
    .option("--output <file>", "*.yaml or *.json, - for stdout", "-")
    .addOption(new Option("--format <format>", "by default what the file's name says, else yaml").choices(["yaml", "json"]))
    .option("--driver-root <folder>", "where the NVIDIA driver's files lie", "/")
    .option("--capabilities <list>", "as NVIDIA_DRIVER_CAPABILITIES (default: all but compat32)")
    .addOption(new Option("--simulated", "the driver root holds simulated GPUs").default(false).hideHelp())
    .option("--watch", "keep the file true until interrupted", false)
    .option("--interval <duration>", "how often to look with --watch", milliseconds, 5000)
    .action(action(io, async (options: GenerateOptions) => (await import("../cdi/generate-cdi.ts")).generateCdi(io, options)));
  return examples(command, [
    "berth gpu cdi generate",
    "berth gpu cdi generate --output /etc/cdi/berth.yaml --watch   # as a service",
    "berth gpu cdi generate --output /var/run/cdi/berth.json --capabilities utility,compute",
  ]);
}

/** At least a second: a look asks NVML, which takes a lock in the driver. */
function milliseconds(text: string): number {
  return Math.max(1, parseDurationSeconds(duration(text))) * 1000;
}

function listCommand(io: CliIo): Command {
  const command = withFormats(new Command("list"))
    .description("List the devices that container runtimes find in this machine's CDI files.")
    .option("--cdi-dir <folder...>", "instead of /etc/cdi and /var/run/cdi")
    .action(
      action(io, async (options: FormatOptions & { cdiDir?: string[] }) => {
        const { CDI_DIRS, listCdiDevices } = await import("../../node/gpu/index.ts");
        const { devices, problems } = await listCdiDevices(options.cdiDir ?? CDI_DIRS);
        for (const { file, problem } of problems) io.stderr.write(`warning: ${file} is no valid CDI file: ${problem}\n`);
        return printListing(io, options, cdiListing(), devices);
      }),
    );
  return examples(command, ["berth gpu cdi list", "berth gpu cdi list --cdi-dir /etc/cdi"]);
}
