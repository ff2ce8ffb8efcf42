import type { CliIo } from "../cli-io.ts";
import type { ProgressLine } from "../client/node-client.ts";
import { withoutControls } from "./style.ts";

export interface ProgressPrinter {
  show(line: ProgressLine): void;
  /** Ends a redrawn line. */
  close(): void;
}

/** Steps whose detail is text to be shown as it is: a Dockerfile's steps as Docker's classic builder prints them, and output. */
const TEXT_STEPS = new Set(["build", "output", "bootstrap"]);

/** Progress on stderr, a line each; on a terminal the counted ones ("unpack 3/7") redraw their line. */
export function progressPrinter(io: CliIo): ProgressPrinter {
  let redrawn = false;
  const endLine = () => {
    if (redrawn) io.stderr.write("\n");
    redrawn = false;
  };
  return {
    show(line) {
      const text = textOf(line);
      if (io.interactive && line.current !== undefined && !TEXT_STEPS.has(line.step)) {
        io.stderr.write(`\r\u001b[K${text}`);
        redrawn = true;
        return;
      }
      endLine();
      io.stderr.write(`${text}\n`);
    },
    close: endLine,
  };
}

function textOf(line: ProgressLine): string {
  const detail = (line.detail ?? "").replace(/\n$/, "").split("\n").map(withoutControls).join("\n");
  if (TEXT_STEPS.has(line.step)) return detail;
  const count = line.current === undefined ? "" : ` ${line.current}${line.total === undefined ? "" : `/${line.total}`}`;
  return `${withoutControls(line.step)}${count}${detail === "" ? "" : `: ${detail}`}`;
}
