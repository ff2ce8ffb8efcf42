import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { jobId } from "../client/job-names.ts";
import { explanationText } from "../output/explanation.ts";
import { printValue } from "../output/formats.ts";
import { action, examples } from "../verb.ts";
import { outputOption, type TextOptions } from "./plan.ts";

/** Asks the scheduler's own decision, as GET /v1/jobs/ID/explain gives it. */
export function explainVerb(io: CliIo): Command {
  const command = withHost(new Command("explain"))
    .description("Tell why a job waits, node by node, and what would start it now.")
    .argument("<job>", "id or name")
    .addOption(outputOption())
    .action(action(io, (job: string, options: TextOptions, self: Command) => explain(io, job, options, self)));
  return examples(command, ["berth explain 7", "berth explain 7 -o json"]);
}

async function explain(io: CliIo, job: string, options: TextOptions, self: Command): Promise<void> {
  const view = await (await connectApi(io, self)).explain(jobId(job));
  if (options.output !== "text") return printValue(io, options.output, view);
  io.stdout.write(explanationText(view));
}
