import { Command, Option } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { printValue } from "../output/formats.ts";
import { renderGpuMatrix } from "../output/gpu-matrix.ts";
import { warnSimulatedGpus } from "../output/simulated-gpus.ts";
import { action, examples } from "../verb.ts";

interface Options {
  output: "table" | "json" | "yaml";
  headers: boolean;
}

/** The matrix that `nvidia-smi topo -m` users know, also as `topo`; -o json gives the pairs. */
export function gpuTopologyCommand(io: CliIo): Command {
  const command = withNode(new Command("topology").alias("topo"))
    .description("Show how this machine's GPUs reach each other: NVLink, PCIe, NUMA.")
    .addOption(new Option("-o, --output <format>", "how to print").choices(["table", "json", "yaml"]).default("table"))
    .option("--no-headers", "leave out column titles and legend")
    .action(action(io, (options: Options, self: Command) => showTopology(io, options, self)));
  return examples(command, ["berth gpu topology"]);
}

async function showTopology(io: CliIo, { output, headers }: Options, self: Command): Promise<void> {
  const view = await connectNode(io, self).gpus();
  if (view.simulated) warnSimulatedGpus(io, view.hostname);
  if (output !== "table") return printValue(io, output, view.pairs);
  if (view.gpus.length === 0) io.stderr.write("this machine has no GPU\n");
  else io.stdout.write(renderGpuMatrix(view, { headers, colour: io.colour.stdout }));
}
