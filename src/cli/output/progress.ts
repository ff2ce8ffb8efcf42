import { formatBytes } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import type { ProgressLine } from "../client/node-client.ts";
import { printable } from "./style.ts";

export interface ProgressPrinter {
  show(line: ProgressLine): void;
  /** Ends a redrawn line. */
  close(): void;
}

/**
 * Progress on stderr: every step and detail a line, except that counted progress redraws its line on a terminal and
 * is left out elsewhere but for its beginning.
 */
export function progressPrinter(io: CliIo): ProgressPrinter {
  let lastStep = "";
  let redrawn = false;
  const endLine = () => {
    if (redrawn) io.stderr.write("\n");
    redrawn = false;
  };
  const counted = (line: ProgressLine) => {
    if (!io.interactive) return;
    io.stderr.write(`\r\u001b[K${indented(`${line.detail ?? line.step} ${amount(line)}`)}`);
    redrawn = true;
  };
  return {
    show(line) {
      const isNewStep = line.step !== lastStep;
      lastStep = line.step;
      if (isNewStep) {
        endLine();
        io.stderr.write(`${printable(line.step)}\n`);
      }
      if (line.current !== undefined) return counted(line);
      if (line.detail === undefined || line.detail === "") return;
      endLine();
      for (const text of line.detail.replace(/\n$/, "").split("\n")) io.stderr.write(`${indented(text)}\n`);
    },
    close: endLine,
  };
}

/** "12.0 MiB / 48.0 MiB (25%)". */
function amount(line: ProgressLine): string {
  const current = line.current ?? 0;
  if (!line.total) return formatBytes(current);
  return `${formatBytes(current)} / ${formatBytes(line.total)} (${Math.floor((100 * current) / line.total)}%)`;
}

function indented(text: string): string {
  return ` ${printable(text)}`;
}
