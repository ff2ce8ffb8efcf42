import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { examples } from "../verb.ts";
import { gpuCdiCommand } from "./gpu-cdi.ts";
import { gpuHostStateCommand } from "./gpu-host-state.ts";
import { gpuLsCommand } from "./gpu-ls.ts";
import { gpuPlanCommand } from "./gpu-plan.ts";
import { gpuReleaseCommand } from "./gpu-release.ts";
import { gpuTopologyCommand } from "./gpu-topology.ts";

/** One file a subcommand: gpu-ls.ts, gpu-topology.ts, ... */
export function gpuVerb(io: CliIo): Command {
  const gpu = new Command("gpu").description("Look at this machine's GPUs.").enablePositionalOptions();
  for (const part of [gpuLsCommand, gpuTopologyCommand, gpuReleaseCommand, gpuPlanCommand, gpuCdiCommand, gpuHostStateCommand]) {
    const command = part(io);
    gpu.addCommand(command, { isDefault: command.name() === "ls" });
  }
  return examples(gpu, ["berth gpu", "berth gpu ls -o wide"]);
}
