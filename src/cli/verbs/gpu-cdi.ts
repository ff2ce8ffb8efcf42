import { Command, Option } from "commander";
import {
  CDI_CAPABILITIES,
  CDI_DIRS,
  type CdiFormat,
  type CdiSnapshot,
  type CdiSources,
  cdiFormatOf,
  createDriverRoot,
  createGpuHost,
  formatCdiSpec,
  keepCdiFile,
  listCdiDevices,
  parseDriverCapabilities,
  readCdiSnapshot,
  writeCdiFile,
} from "../../node/gpu/index.ts";
import { loadNative } from "../../node/platform/index.ts";
import { BerthError, parseDurationSeconds } from "../../shared/domain/index.ts";
import { type CliIo, stopSignal } from "../cli-io.ts";
import { cdiListing } from "../output/cdi-listing.ts";
import { type FormatOptions, printListing, withFormats } from "../output/formats.ts";
import { action, examples } from "../verb.ts";

interface GenerateOptions {
  output: string;
  format?: CdiFormat;
  driverRoot: string;
  capabilities?: string;
  simulated: boolean;
  watch: boolean;
  interval: number;
}

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
    .option("--capabilities <list>", `as NVIDIA_DRIVER_CAPABILITIES (default: ${CDI_CAPABILITIES.join(",")})`)
    .addOption(new Option("--simulated", "the driver root holds simulated GPUs").default(false).hideHelp())
    .option("--watch", "keep the file true until interrupted", false)
    .option("--interval <duration>", "how often to look with --watch", milliseconds, 5000)
    .action(action(io, (options: GenerateOptions) => generate(io, options)));
  return examples(command, [
    "berth gpu cdi generate",
    "berth gpu cdi generate --output /etc/cdi/berth.yaml --watch   # as a service",
    "berth gpu cdi generate --output /var/run/cdi/berth.json --capabilities utility,compute",
  ]);
}

async function generate(io: CliIo, options: GenerateOptions): Promise<void> {
  const sources = await openSources(io, options);
  if (options.output === "-") return print(io, await readCdiSnapshot(sources), options);
  const format = options.format ?? cdiFormatOf(options.output);
  cdiFormatOf(options.output);
  if (options.watch) return watch(io, sources, options, format);
  const snapshot = await readCdiSnapshot(sources);
  const change = await writeCdiFile(options.output, snapshot.spec, format);
  if (snapshot.spec === null) throw noSpec(snapshot, change === "removed" ? `; ${options.output} was removed` : "");
  io.stderr.write(`${change} ${options.output}: ${describe(snapshot)}\n`);
}

async function openSources(io: CliIo, { driverRoot, capabilities, simulated }: GenerateOptions): Promise<CdiSources> {
  const host = await createGpuHost({ native: loadNative(), clock: io.clock, driverRoot, simulated });
  const wanted = capabilities === undefined ? CDI_CAPABILITIES : parseDriverCapabilities(capabilities).capabilities;
  return { inventory: () => host.inventory(), driver: createDriverRoot(driverRoot), capabilities: wanted };
}

function print(io: CliIo, snapshot: CdiSnapshot, { format, watch }: GenerateOptions): void {
  if (watch) throw new BerthError("invalid_request", "--watch needs --output FILE");
  if (snapshot.spec === null) throw noSpec(snapshot, "");
  io.stdout.write(formatCdiSpec(snapshot.spec, format ?? "yaml"));
}

async function watch(io: CliIo, sources: CdiSources, options: GenerateOptions, format: CdiFormat): Promise<void> {
  const { signal, close } = stopSignal(io);
  try {
    const changed = (change: string, snapshot: CdiSnapshot): void =>
      void io.stderr.write(`${change} ${options.output}: ${snapshot.reason ?? describe(snapshot)}\n`);
    const current = (): Promise<CdiSnapshot> => readCdiSnapshot(sources);
    await keepCdiFile({ path: options.output, format, current, everyMs: options.interval, clock: io.clock, changed }, signal);
  } finally {
    close();
  }
}

function noSpec({ reason }: CdiSnapshot, consequence: string): BerthError {
  return new BerthError("gpu_unavailable", `${reason ?? "no GPU"}${consequence}`);
}

function describe({ spec }: CdiSnapshot): string {
  return (spec?.devices ?? []).map((device) => `${spec?.kind}=${device.name}`).join(", ");
}

/** At least a second: a look asks NVML, which takes a lock in the driver. */
function milliseconds(text: string): number {
  return Math.max(1, parseDurationSeconds(text)) * 1000;
}

function listCommand(io: CliIo): Command {
  const command = withFormats(new Command("list"))
    .description("List the devices that container runtimes find in this machine's CDI files.")
    .option("--cdi-dir <folder...>", `instead of ${CDI_DIRS.join(" and ")}`)
    .action(
      action(io, async (options: FormatOptions & { cdiDir?: string[] }) => {
        const { devices, problems } = await listCdiDevices(options.cdiDir ?? CDI_DIRS);
        for (const { file, problem } of problems) io.stderr.write(`warning: ${file} is no valid CDI file: ${problem}\n`);
        return printListing(io, options, cdiListing(), devices);
      }),
    );
  return examples(command, ["berth gpu cdi list", "berth gpu cdi list --cdi-dir /etc/cdi"]);
}
