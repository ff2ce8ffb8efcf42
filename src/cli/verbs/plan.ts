import { readFile } from "node:fs/promises";
import { Command, Option } from "commander";
import { BerthError, errorText } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { explanationText } from "../output/explanation.ts";
import { printValue } from "../output/formats.ts";
import { collect } from "../submit/option-values.ts";
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
  const text = await readInput(io, file);
  const { readJobFile } = await import("../submit/job-file.ts");
  const documents = await readJobFile(text, file === "-" ? "stdin" : file, options.set ?? []);
  const api = await connectApi(io, self);
  for (const { spec } of documents) {
    const view = await api.plan(spec);
    if (options.output === "text") io.stdout.write(explanationText(view));
    else await printValue(io, options.output, view);
  }
}

async function readInput(io: CliIo, file: string): Promise<string> {
  if (file === "-") {
    const chunks: Buffer[] = [];
    for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString("utf8");
  }
  return readFile(file, "utf8").catch((cause: unknown) => {
    throw new BerthError("invalid_request", `cannot read ${file}: ${errorText(cause)}`, { cause });
  });
}
