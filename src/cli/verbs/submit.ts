import { Command, Option } from "commander";
import { BerthError, type Job } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import type { ApiClient } from "../client/api-client.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { EXIT, worstExitCode } from "../exit-codes.ts";
import { followJob } from "../follow/follow-job.ts";
import { printValue } from "../output/formats.ts";
import type { JobDocument } from "../submit/job-file.ts";
import { collect, taskIndexes } from "../submit/option-values.ts";
import { readDocuments } from "../submit/read-documents.ts";
import { submitReliably } from "../submit/submit-reliably.ts";
import { action, examples } from "../verb.ts";

interface Options {
  file?: string[];
  set?: string[];
  array?: string;
  follow?: boolean;
  output: "text" | "name" | "json" | "yaml";
}

/**
 * All files are read and checked before the first job is sent; a field that the server refuses is told by file and line.
 * Jobs sent before the refused one stay.
 */
export function submitVerb(io: CliIo): Command {
  const command = withHost(new Command("submit"))
    .description("Queue the jobs of YAML or JSON files, one a document; - reads standard input.")
    .argument("[file...]", "job files")
    .option("-f, --file <path>", "as an argument, for those used to it", collect)
    .option("--set <key=value>", "change a field of every job, as resources.gpus=2 (repeatable)", collect)
    .option("-a, --array <indexes>", "run every job once for each index: 0-99%10; as --set array=", taskIndexes)
    .option("--follow", "follow the jobs one after the other; returns the first exit code that is not 0")
    .addOption(new Option("-o, --output <format>", "how to print").choices(["text", "name", "json", "yaml"]).default("text"))
    .action(action(io, (files: string[], options: Options, self: Command) => submitFiles(io, files, options, self)));
  return examples(command, [
    "berth submit job.yaml",
    "berth submit job.yaml --set resources.gpus=2 --follow",
    "berth submit job.yaml --array 0-99:2%10",
    "generate-sweep | berth submit - -o name",
  ]);
}

async function submitFiles(io: CliIo, given: readonly string[], options: Options, self: Command): Promise<number> {
  const files = [...given, ...(options.file ?? [])];
  if (files.length === 0) self.error("error: missing required argument 'file'");
  const documents = (await Promise.all(files.map((file) => readDocuments(io, file, setsOf(options))))).flat();
  const api = await connectApi(io, self);
  const jobs: Job[] = [];
  for (const document of documents) jobs.push(await submitDocument(io, api, document, options));
  if (options.output === "json" || options.output === "yaml") await printValue(io, options.output, jobs.length === 1 ? jobs[0] : jobs);
  if (!options.follow) return EXIT.ok;
  const codes: number[] = [];
  for (const job of jobs) codes.push(await followJob(io, api, job));
  return worstExitCode(codes);
}

/** Written as YAML text: 1,5 must not become a list, nor 3 a number. */
function setsOf({ set = [], array }: Options): string[] {
  return array === undefined ? set : [...set, `array="${array}"`];
}

async function submitDocument(io: CliIo, api: ApiClient, document: JobDocument, options: Options): Promise<Job> {
  const job = await submitReliably(api, document.spec, io.clock).catch((error: unknown) => {
    throw error instanceof BerthError && error.field !== undefined ? located(error, document) : error;
  });
  if (options.output === "name") io.stdout.write(`job/${job.id}\n`);
  if (options.output === "text") io.stdout.write(`job/${job.id} ${job.spec.name} submitted\n`);
  return job;
}

function located(error: BerthError, document: JobDocument): BerthError {
  const field = error.field ?? "";
  return new BerthError(error.code, `${document.locate(field)}: ${error.message}`, { cause: error, field, details: error.details ?? {} });
}
