import { BerthError } from "../../../shared/domain/index.ts";

/** One line of a CSV file with a header. */
export interface CsvRow {
  /** "" when the column is absent. */
  text(column: string): string;
  /** A finite number; throws `invalid` otherwise, naming line and column. */
  number(column: string): number;
}

/** Plain comma-separated lines with a header and no quoting, as cluster traces are. Throws when a required column is missing. */
export function readCsv(csv: string, required: readonly string[]): CsvRow[] {
  const lines = csv.split(/\r?\n/).flatMap((text, place) => (text.trim() === "" ? [] : [{ text, line: place + 1 }]));
  const columns = csvColumns(csv);
  for (const name of required) {
    if (!columns.includes(name)) throw new BerthError("invalid_trace", `the trace has no column '${name}' (it has: ${columns.join(", ")})`);
  }
  const positions = new Map(columns.map((name, position) => [name, position]));
  return lines.slice(1).map(({ text, line }) => csvRow(text.split(","), positions, line));
}

/** The names of the header, by which the kind of a trace is told. */
export function csvColumns(csv: string): string[] {
  const [header = ""] = csv.trimStart().split(/\r?\n/, 1);
  return header.split(",").map((name) => name.trim());
}

function csvRow(cells: readonly string[], positions: ReadonlyMap<string, number>, line: number): CsvRow {
  const text = (column: string) => cells[positions.get(column) ?? -1]?.trim() ?? "";
  return {
    text,
    number(column) {
      const value = text(column);
      const parsed = Number(value);
      if (value === "" || !Number.isFinite(parsed)) {
        throw new BerthError("invalid_trace", `line ${line} of the trace: '${column}' must be a number, is '${value}'`);
      }
      return parsed;
    },
  };
}
