import { Command, InvalidArgumentError } from "commander";
import { BerthError, parseDurationSeconds } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { type FormatOptions, printListing, withFormats } from "../output/formats.ts";
import { reservationListing } from "../output/reservation-listing.ts";
import { collect, duration, positiveInteger } from "../submit/option-values.ts";
import { action, examples } from "../verb.ts";

interface CreateOptions {
  node?: string[];
  count?: number;
  from?: number;
  to?: number;
  for?: string;
  project?: string[];
}

/** `berth reservation create|ls|rm`: nodes kept for projects or for maintenance. */
export function reservationVerb(io: CliIo): Command {
  const command = new Command("reservation").description("Keep nodes for projects, or free for maintenance, for a time.");
  const create = withHost(command.command("create"))
    .description("Reserve nodes; jobs that would run into it are not placed there, what runs already is not stopped.")
    .argument("<name>")
    .option("--node <name>", "a node to keep (repeatable)", collect)
    .option("--count <n>", "or so many ready nodes, those with the fewest jobs", positiveInteger)
    .option("--from <time>", "when it begins, ISO 8601 with a zone (default now)", moment)
    .option("--to <time>", "when it ends, ISO 8601 with a zone", moment)
    .option("--for <duration>", "or how long it lasts: 2h", duration)
    .option("--project <name>", "whose jobs may use the nodes (repeatable); none for maintenance", collect)
    .action(
      action(io, async (name: string, options: CreateOptions, self: Command) => {
        const made = await (await connectApi(io, self)).createReservation({ name, ...inputOf(options, Date.now()) });
        io.stdout.write(`reservation/${made.name} keeps ${made.nodes.join(", ")}\n`);
      }),
    );
  const ls = withFormats(withHost(command.command("ls")))
    .description("List the reservations and maintenance windows.")
    .action(
      action(io, async (options: FormatOptions, self: Command) =>
        printListing(io, options, reservationListing(), await (await connectApi(io, self)).reservations()),
      ),
    );
  const rm = withHost(command.command("rm"))
    .description("End a reservation.")
    .argument("<name>")
    .action(
      action(io, async (name: string, _options: object, self: Command) => {
        await (await connectApi(io, self)).removeReservation(name);
        io.stdout.write(`reservation/${name} removed\n`);
      }),
    );
  examples(create, ["berth reservation create disks --node a --node b --from 2026-03-01T08:00:00Z --for 4h"]);
  examples(ls, ["berth reservation ls -o json"]);
  examples(rm, ["berth reservation rm disks"]);
  return examples(command, [
    "berth reservation create disks --node a --node b --from 2026-03-01T08:00:00Z --for 4h",
    "berth reservation create demo --count 4 --for 1d --project vision",
    "berth reservation ls",
  ]);
}

function inputOf({ node, count, from, to, for: length, project }: CreateOptions, now: number) {
  if ((to === undefined) === (length === undefined)) throw new BerthError("invalid_request", "give either --to or --for");
  const begins = from ?? now;
  return {
    ...(node === undefined ? {} : { nodes: node }),
    ...(count === undefined ? {} : { count }),
    from: begins,
    to: to ?? begins + parseDurationSeconds(length ?? "") * 1000,
    projects: project ?? [],
  };
}

/** Without a zone it would mean another moment on every machine. */
function moment(text: string): number {
  const value = Date.parse(text);
  if (!/(Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(value))
    throw new InvalidArgumentError("it must be a time with a zone: 2026-03-01T08:00:00Z.");
  return value;
}
