import { BerthError } from "../../../shared/domain/index.ts";

/** One line of a CSV file with a header. */
export interface CsvRow {
  /** "" when the column is absent. */
  text(column: string): string;
  /** A finite number; throws `invalid` otherwise, naming line and column. */
  number(column: string): number;
}

/** What a file is, for messages. */
export type CsvSubject = "trace" | "cluster file";

/**
 * Comma-separated lines with a header; a cell in double quotes may hold commas, and doubled quotes (RFC 4180, without line
 * breaks in cells).
 * @throws BerthError invalid_trace when a required column is missing, or a line has more cells than the header
 */
export function readCsv(csv: string, required: readonly string[], subject: CsvSubject = "trace"): CsvRow[] {
  const lines = csv.split(/\r?\n/).flatMap((text, place) => (text.trim() === "" ? [] : [{ text, line: place + 1 }]));
  const columns = csvColumns(csv);
  for (const name of required) {
    if (!columns.includes(name)) refuse(`the ${subject} has no column '${name}' (it has: ${columns.join(", ")})`);
  }
  const positions = new Map(columns.map((name, position) => [name, position]));
  return lines.slice(1).map(({ text, line }) => csvRow(cellsOf(text), positions, `line ${line} of the ${subject}`));
}

/** The names of the header, by which the kind of a trace is told; none of an empty file. */
export function csvColumns(csv: string): string[] {
  const [header = ""] = csv.trimStart().split(/\r?\n/, 1);
  return header === "" ? [] : cellsOf(header).map((name) => name.trim());
}

/** A misspelt column would be left out in silence, and the figures be those of another trace. @throws BerthError invalid_trace */
export function refuseOtherColumns(columns: readonly string[], known: readonly string[], subject: CsvSubject): void {
  const other = columns.find((name) => name !== "" && !known.includes(name));
  if (other !== undefined) refuse(`the ${subject} has a column '${other}'; known are ${known.join(",")}`);
}

/** As a cell of a CSV line. */
export function csvCell(value: unknown): string {
  const text = String(value);
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function cellsOf(line: string): string[] {
  if (!line.includes('"')) return line.split(",");
  const cells: string[] = [];
  let [cell, quoted] = ["", false];
  for (const character of line) {
    if (character === "," && !quoted) {
      cells.push(unquoted(cell));
      cell = "";
      continue;
    }
    if (character === '"') quoted = !quoted;
    cell += character;
  }
  return [...cells, unquoted(cell)];
}

function unquoted(cell: string): string {
  const [, inner] = /^\s*"(.*)"\s*$/.exec(cell) ?? [];
  return inner === undefined ? cell : inner.replaceAll('""', '"');
}

function csvRow(cells: readonly string[], positions: ReadonlyMap<string, number>, where: string): CsvRow {
  if (cells.slice(positions.size).some((cell) => cell.trim() !== ""))
    refuse(`${where} has ${cells.length} cells, the header ${positions.size}; a number with commas in it needs double quotes or none`);
  const text = (column: string) => cells[positions.get(column) ?? -1]?.trim() ?? "";
  return {
    text,
    number(column) {
      const value = text(column);
      const parsed = Number(value);
      if (value === "" || !Number.isFinite(parsed)) refuse(`${where}: '${column}' must be a number, is '${value}'`);
      return parsed;
    },
  };
}

function refuse(message: string): never {
  throw new BerthError("invalid_trace", message);
}
