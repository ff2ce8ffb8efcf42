import { Command, InvalidArgumentError } from "commander";
import { parseDurationSeconds } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { type FormatOptions, printListing, withFormats } from "../output/formats.ts";
import { reservationListing, stillThere } from "../output/reservation-listing.ts";
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
    .description(
      "Reserve nodes for projects, or (without --project) close them for maintenance: jobs that would run into it are not placed there; what runs already is not stopped.",
    )
    .argument("<name>")
    .option("--node <name>", "a node to keep (repeatable)", collect)
    .option("--count <n>", "or so many ready nodes, those with the fewest jobs", positiveInteger)
    .option("--from <time>", "when it begins, ISO 8601 with a zone (default now)", moment)
    .option("--to <time>", "when it ends, ISO 8601 with a zone", moment)
    .option("--for <duration>", "or how long it lasts: 2h", duration)
    .option("--project <name>", "whose jobs may use the nodes (repeatable); none for maintenance", collect)
    .action(
      action(io, async (name: string, options: CreateOptions, self: Command) => {
        const input = inputOf(options, io.clock.now(), self);
        const api = await connectApi(io, self);
        const made = await api.createReservation({ name, ...input });
        io.stdout.write(`reservation/${made.name} keeps ${made.nodes.join(", ")}\n`);
        const note = stillThere(made, await api.list({ states: ["starting", "running", "stopping"], tasks: true }));
        if (note !== null) io.stderr.write(`${note}\n`);
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
    .description("End reservations.")
    .argument("<names...>")
    .action(
      action(io, async (names: string[], _options: object, self: Command) => {
        const api = await connectApi(io, self);
        for (const name of names) {
          await api.removeReservation(name);
          io.stdout.write(`reservation/${name} removed\n`);
        }
      }),
    );
  examples(create, ["berth reservation create disks --node a --node b --from 2026-03-01T08:00:00Z --for 4h"]);
  examples(ls, ["berth reservation ls -o json"]);
  examples(rm, ["berth reservation rm disks", "berth reservation rm $(berth reservation ls -o name)"]);
  return examples(command, [
    "berth reservation create disks --node a --node b --from 2026-03-01T08:00:00Z --for 4h",
    "berth reservation create demo --count 4 --for 1d --project vision",
    "berth reservation ls",
  ]);
}

function inputOf({ node, count, from, to, for: length, project }: CreateOptions, now: number, self: Command) {
  if ((node === undefined) === (count === undefined)) self.error("error: give either --node or --count");
  if ((to === undefined) === (length === undefined)) self.error("error: give either --to or --for");
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
