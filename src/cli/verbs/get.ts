import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { jobId } from "../client/job-names.ts";
import { describeJob } from "../output/describe-job.ts";
import { type FormatOptions, printListing, printValue, withFormats } from "../output/formats.ts";
import { jobListing } from "../output/job-listing.ts";
import { action, examples } from "../verb.ts";

const SHOWN_EVENTS = 10;

/** One job with its nodes' names and last events; -o json and yaml print the job as the API has it. */
export function getVerb(io: CliIo): Command {
  const command = withFormats(withHost(new Command("get")))
    .description("Describe a job: what it asks, where it runs, what it used, how it ended, its last events.")
    .argument("<job>", "id, or name (its newest job); 81_3 for a task of array 81")
    .action(action(io, (job: string, options: FormatOptions, self: Command) => describe(io, jobId(job), options, self)));
  return examples(command, ["berth get 7", "berth get 81_3", "berth get trainer -o json | jq .outcome.exitCode"]);
}

async function describe(io: CliIo, id: string, options: FormatOptions, self: Command): Promise<void> {
  const api = await connectApi(io, self);
  const job = await api.get(id);
  if (options.output === "json" || options.output === "yaml") return printValue(io, options.output, job);
  const nodes = await api.nodes();
  const names = new Map(nodes.map((node) => [node.id, node.name]));
  if (options.output !== "table") return printListing(io, options, jobListing(io.clock.now(), names), [job]);
  const events = await api.events(job.id);
  const simulated = new Set(nodes.filter((node) => node.facts.simulatedGpus).map((node) => node.id));
  io.stdout.write(
    describeJob({ job, events: events.slice(-SHOWN_EVENTS), nodeNames: names, simulated, now: io.clock.now(), colour: io.colour.stdout }),
  );
}
