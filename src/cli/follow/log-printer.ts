import type { CliIo } from "../cli-io.ts";
import type { LogRecord } from "../client/api-client.ts";
import { paint, type Style } from "../output/style.ts";

const RANK_STYLES: readonly Style[] = ["cyan", "yellow", "green", "magenta", "blue", "red"];
const LONGEST_HELD_CHARACTERS = 64 * 1024;

export interface LogPrinter {
  print(record: LogRecord): void;
  /** Writes what is held of unfinished lines. */
  close(): void;
}

interface PrinterOptions {
  /** "[rank 1] " before each line: for gangs. */
  prefix: boolean;
  /** "[81_3] " before each line: for one of several jobs. */
  label?: string;
  timestamps: boolean;
}

/**
 * Log records as text: a job's stdout on stdout, its stderr on stderr. Without prefix or timestamps the bytes go out as
 * they come (progress bars work); with them, whole lines only, so that ranks do not tear each other's.
 */
export function logPrinter(io: CliIo, options: PrinterOptions): LogPrinter {
  const held = new Map<string, LogRecord>();
  const write = (record: LogRecord, end: string) => {
    const isOutput = record.stream === "stdout";
    (isOutput ? io.stdout : io.stderr).write(lead(record, options, isOutput ? io.colour.stdout : io.colour.stderr) + record.text + end);
  };
  if (!options.prefix && options.label === undefined && !options.timestamps) {
    return { print: (record) => write(record, record.partial ? "" : "\n"), close: () => undefined };
  }
  return {
    print(record) {
      const key = `${record.rank}/${record.stream}`;
      const begun = held.get(key);
      const line = begun ? { ...begun, text: begun.text + record.text, partial: record.partial } : record;
      held.delete(key);
      if (line.partial && line.text.length < LONGEST_HELD_CHARACTERS) held.set(key, line);
      else write(line, "\n");
    },
    close() {
      for (const line of held.values()) write(line, "\n");
      held.clear();
    },
  };
}

function lead(record: LogRecord, options: PrinterOptions, colour: boolean): string {
  const words = [options.label, options.prefix ? `rank ${record.rank}` : undefined].filter((word) => word !== undefined);
  const whose =
    words.length > 0 && record.stream !== "note"
      ? `${paint(`[${words.join(" ")}]`, RANK_STYLES[record.rank % RANK_STYLES.length] ?? null, colour)} `
      : "";
  return whose + (options.timestamps ? `${record.time} ` : "");
}
