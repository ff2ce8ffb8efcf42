import { Command, Option } from "commander";
import type { JobEvent } from "../../shared/domain/index.ts";
import { type CliIo, stopSignal } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { jobId } from "../client/job-names.ts";
import { readNdjson } from "../client/ndjson.ts";
import { EXIT } from "../exit-codes.ts";
import { eventListing } from "../output/event-listing.ts";
import { type FormatOptions, printListing, withFormats } from "../output/formats.ts";
import { printable } from "../output/style.ts";
import { timestamp } from "../output/time.ts";
import { action, examples } from "../verb.ts";

interface Options extends FormatOptions {
  follow?: boolean;
}

/** With --follow it ends with the job, or with 130 at Ctrl-C. */
export function eventsVerb(io: CliIo): Command {
  const command = withFormats(withHost(new Command("events")))
    .description("Show a job's history: every change, who asked and why.")
    .argument("<job>", "id, or name (its newest job)")
    .addOption(new Option("-f, --follow", "go on until the job has ended; with -o json a line of JSON each"))
    .action(action(io, (job: string, options: Options, self: Command) => showEvents(io, jobId(job), options, self)));
  return examples(command, ["berth events 7", "berth events -f trainer -o json"]);
}

async function showEvents(io: CliIo, id: string, options: Options, self: Command): Promise<number> {
  const api = await connectApi(io, self);
  if (!options.follow) {
    await printListing(io, options, eventListing(), await api.events(id));
    return EXIT.ok;
  }
  const stop = stopSignal(io);
  try {
    for await (const event of readNdjson<JobEvent>(await api.followEvents(id, stop.signal))) {
      io.stdout.write(
        options.output === "json" ? `${JSON.stringify(event)}\n` : `${timestamp(event.at)}   ${event.type}   ${printable(event.message)}\n`,
      );
    }
    return EXIT.ok;
  } catch (error) {
    if (stop.signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    stop.close();
  }
}
