import { paint, printable, type Style } from "./style.ts";

export interface Cell {
  text: string;
  style: Style | null;
}

export interface Column<Row> {
  title: string;
  value(row: Row): string | number | null | Cell;
  align?: "left" | "right";
}

const GAP = "   ";

/**
 * An aligned table, one line a row, no trailing spaces; "-" stands for nothing. The last column may be of any length.
 */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: { headers: boolean; colour: boolean },
): string {
  const body = rows.map((row) => columns.map((column) => cellOf(column.value(row))));
  const head: Cell[][] = options.headers ? [columns.map((column) => ({ text: column.title, style: "bold" }))] : [];
  const lines = [...head, ...body];
  const widths = columns.map((_, index) => Math.max(0, ...lines.map((line) => widthOf(line[index]?.text ?? ""))));
  return lines.map((line) => `${renderLine(line, columns, widths, options.colour)}\n`).join("");
}

function renderLine(
  cells: readonly Cell[],
  columns: readonly { align?: "left" | "right" }[],
  widths: readonly number[],
  colour: boolean,
): string {
  const last = cells.length - 1;
  return cells
    .map((cell, index) => {
      const padding = " ".repeat(Math.max(0, (widths[index] ?? 0) - widthOf(cell.text)));
      const text = paint(cell.text, cell.style, colour);
      if (columns[index]?.align === "right") return padding + text;
      return index === last ? text : text + padding;
    })
    .join(GAP)
    .trimEnd();
}

function cellOf(value: string | number | null | Cell): Cell {
  if (typeof value === "object" && value !== null) return { text: orDash(printable(value.text)), style: value.style };
  return { text: value === null ? "-" : orDash(printable(String(value))), style: null };
}

function orDash(text: string): string {
  return text === "" ? "-" : text;
}

function widthOf(text: string): number {
  return [...text].length;
}
