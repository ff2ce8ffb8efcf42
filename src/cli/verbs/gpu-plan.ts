import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { EXIT } from "../exit-codes.ts";
import { planListing, planRows, planSummary } from "../output/describe-gpu-plan.ts";
import { type FormatOptions, printListing, printValue, withFormats } from "../output/formats.ts";
import { warnSimulatedGpus } from "../output/simulated-gpus.ts";
import { mergeEnvironment } from "../submit/environment.ts";
import { action, examples } from "../verb.ts";

interface PlanOptions extends FormatOptions {
  gpus: string;
  env: string[];
}

/** Exits with 1 when a container of the image could not start on this machine; the plan is printed all the same. */
export function gpuPlanCommand(io: CliIo): Command {
  const command = withFormats(withNode(new Command("plan")))
    .description("Show what a job of an image would get of this machine's GPUs, and why. Runs nothing.")
    .argument("<image>")
    .option("--gpus <request>", `N, all, or '"device=0,1"' as Docker has it; stands for the scheduler's assignment`, "1")
    .option("-e, --env <name[=value]>", "as the job would set it", (value: string, all: string[]) => [...all, value], [])
    .action(action(io, (image: string, options: PlanOptions, self: Command) => showPlan(io, image, options, self)));
  return examples(command, [
    "berth gpu plan trainer:v1",
    `berth gpu plan --gpus '"device=0,1",capabilities=utility' trainer:v1`,
    "berth gpu plan -e NVIDIA_DRIVER_CAPABILITIES=all -o json trainer:v1 | jq .plan.mounts",
  ]);
}

/** An image that could not start here is an error, after everything that tells why. */
async function showPlan(io: CliIo, image: string, options: PlanOptions, self: Command): Promise<number> {
  const env = await mergeEnvironment(options.env, [], io.env);
  const view = await connectNode(io, self).gpuPlan({ image, gpus: options.gpus, env });
  if (view.simulated) warnSimulatedGpus(io, "this machine");
  if (options.output === "json" || options.output === "yaml") await printValue(io, options.output, view);
  else {
    if (options.output !== "name") io.stdout.write(`${planSummary(view, io.colour.stdout)}\n`);
    await printListing(io, options, planListing(), planRows(view));
  }
  if (view.requirementsMet) return EXIT.ok;
  io.stderr.write("error: a container of this image would not start here: its requirements are not met\n");
  return EXIT.error;
}
