import { Command, Option } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { explanationText } from "../output/explanation.ts";
import { printValue } from "../output/formats.ts";
import { collect } from "../submit/option-values.ts";
import { readDocuments } from "../submit/read-documents.ts";
import { action, examples } from "../verb.ts";

export interface TextOptions {
  output: "text" | "json" | "yaml";
}

/** Adds -o text|json|yaml, for explanations. */
export function outputOption(): Option {
  return new Option("-o, --output <format>", "how to print").choices(["text", "json", "yaml"]).default("text");
}

/** Submits nothing; the answer is the scheduler's own for the queue as it is now, priorities and quotas included. */
export function planVerb(io: CliIo): Command {
  const command = withHost(new Command("plan"))
    .description("Tell where the jobs of a file would start if they were submitted now; changes nothing.")
    .argument("<file>", "job file; - reads standard input")
    .option("--set <key=value>", "change a field of every job, as resources.gpus=2 (repeatable)", collect)
    .addOption(outputOption())
    .action(action(io, (file: string, options: TextOptions & { set?: string[] }, self: Command) => plan(io, file, options, self)));
  return examples(command, ["berth plan job.yaml", "berth plan job.yaml --set resources.gpus=8"]);
}

async function plan(io: CliIo, file: string, options: TextOptions & { set?: string[] }, self: Command): Promise<void> {
  const documents = await readDocuments(io, file, options.set ?? []);
  const api = await connectApi(io, self);
  for (const [index, { spec }] of documents.entries()) {
    const view = await api.plan(spec);
    // One answer a document, as the file has them: without the line the keys of two would be one mapping.
    if (options.output === "yaml" && index > 0) io.stdout.write("---\n");
    if (options.output === "text") io.stdout.write(explanationText(view));
    else await printValue(io, options.output, view);
  }
}
