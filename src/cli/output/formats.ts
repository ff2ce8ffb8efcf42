import { type Command, Option } from "commander";
import type { CliIo } from "../cli-io.ts";
import { type Column, renderTable } from "./table.ts";

export type Format = "table" | "wide" | "json" | "yaml" | "name";

export interface FormatOptions {
  output: Format;
  headers: boolean;
}

/** Adds -o and --no-headers. */
export function withFormats(command: Command): Command {
  return command
    .addOption(new Option("-o, --output <format>", "how to print").choices(["table", "wide", "json", "yaml", "name"]).default("table"))
    .option("--no-headers", "leave out the line of column titles");
}

export interface Listing<Row> {
  columns: readonly Column<Row>[];
  /** Further columns with -o wide. */
  wide: readonly Column<Row>[];
  /** "job/7": what -o name prints, one a line. */
  name(row: Row): string;
  /** Said on stderr when there is no row. */
  empty: string;
}

/** Prints rows in the wished format on stdout. */
export async function printListing<Row>(io: CliIo, options: FormatOptions, listing: Listing<Row>, rows: readonly Row[]): Promise<void> {
  if (options.output === "json" || options.output === "yaml") return printValue(io, options.output, rows);
  if (options.output === "name") {
    io.stdout.write(rows.map((row) => `${listing.name(row)}\n`).join(""));
    return;
  }
  const columns = options.output === "wide" ? [...listing.columns, ...listing.wide] : listing.columns;
  if (rows.length === 0) io.stderr.write(`${listing.empty}\n`);
  else io.stdout.write(renderTable(columns, rows, { headers: options.headers, colour: io.colour.stdout }));
}

/** Prints one value as it came from the server. */
export async function printValue(io: CliIo, format: "json" | "yaml", value: unknown): Promise<void> {
  if (format === "json") {
    io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    return;
  }
  // The YAML library costs ~20 ms to load, so only where it is asked for.
  const { stringify } = await import("yaml");
  io.stdout.write(stringify(value, { aliasDuplicateObjects: false }));
}
