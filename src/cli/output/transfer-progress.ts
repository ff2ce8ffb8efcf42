import { formatBytes, formatDuration } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import type { ProgressLine } from "../client/node-client.ts";
import type { ProgressPrinter } from "./progress.ts";
import { withoutControls } from "./style.ts";

interface Row {
  step: string;
  current: number;
  total: number;
  /** For the rate: when it began, and with how much. */
  since: number;
  from: number;
  /** "peer node-b"; empty for the registry. */
  sender: string;
}

/** These end a layer: without a terminal only they are printed. */
const FINAL = new Set(["exists", "mounted", "uploaded", "downloaded"]);
/** Averages over less jump about. */
const LEAST_MS = 500;

/** Layers of a pull or push on stderr: a redrawn block with rate and time left on a terminal, plain lines otherwise. */
export function transferPrinter(io: CliIo): ProgressPrinter {
  const rows = new Map<string, Row>();
  let drawn = 0;
  const erase = () => (drawn === 0 ? "" : `\u001b[${drawn}A\u001b[J`);
  return {
    show(line) {
      if (line.detail === undefined || line.current === undefined || line.total === undefined || line.step === "unpack")
        return say(
          io,
          line,
          erase,
          () => (drawn = 0),
          rows,
          (count) => (drawn = count),
        );
      note(rows, line, io.clock.monotonic());
      if (!io.interactive) {
        if (FINAL.has(line.step))
          io.stderr.write(`${line.step} ${withoutControls(line.detail)} ${formatBytes(line.total)}${senderOf(line)}\n`);
        return;
      }
      io.stderr.write(erase() + block(rows, io.clock.monotonic()));
      drawn = rows.size;
    },
    close: () => rows.clear(),
  };
}

/** A line that is not about bytes goes above the block, or is all there is. */
function say(
  io: CliIo,
  line: ProgressLine,
  erase: () => string,
  reset: () => void,
  rows: Map<string, Row>,
  redrawn: (count: number) => void,
): void {
  const count = line.current === undefined || line.total === undefined ? "" : ` ${line.current}/${line.total}`;
  const text = `${withoutControls(line.step)}${count}${line.detail ? `: ${withoutControls(line.detail)}` : ""}\n`;
  if (!io.interactive) return void io.stderr.write(text);
  const before = erase();
  reset();
  io.stderr.write(before + text + block(rows, io.clock.monotonic()));
  redrawn(rows.size);
}

function note(rows: Map<string, Row>, line: ProgressLine, now: number): void {
  const { step, detail = "", current = 0, total = 0 } = line;
  const known = rows.get(detail);
  rows.set(detail, { step, current, total, since: known?.since ?? now, from: known?.from ?? current, sender: senderOf(line) });
}

function senderOf({ from }: ProgressLine): string {
  return from === undefined ? "" : `  from ${withoutControls(from)}`;
}

function block(rows: Map<string, Row>, now: number): string {
  return [...rows].map(([layer, row]) => `${withoutControls(layer)}  ${rowText(row, now)}\n`).join("");
}

/** "download  12 MiB of 40 MiB  8 MiB/s  4s" */
export function rowText({ step, current, total, since, from, sender }: Row, now: number): string {
  if (FINAL.has(step)) return `${step.padEnd(10)} ${formatBytes(total)}${sender}`;
  const elapsed = now - since;
  const share = `${step.padEnd(10)} ${formatBytes(current)} of ${formatBytes(total)}${sender}`;
  if (elapsed < LEAST_MS || current <= from) return share;
  const perMs = (current - from) / elapsed;
  return `${share}  ${formatBytes(Math.round(perMs * 1000))}/s  ${formatDuration(Math.ceil((total - current) / perMs / 1000))} left`;
}
