/** One line of a container's log file, or a piece of one. */
export interface LogPiece {
  /** RFC 3339 with nanoseconds, as the node wrote it. */
  time: string;
  stream: "stdout" | "stderr";
  /** No line end after it: the program has not written one yet, or the line was too long for one piece. */
  partial: boolean;
  bytes: Buffer;
}

const NEWLINE = 0x0a;
/** conmon cuts lines at 8 KiB or so; what is longer did not come from it. */
const LONGEST_LINE = 64 * 1024;

/**
 * Reads "RFC3339Nano stdout|stderr F|P text\n" lines (conmon's k8s-file driver, the CRI log format) out of a byte
 * stream cut anywhere. Bytes stay bytes, as a piece may end inside a UTF-8 sequence.
 */
export class LogLineReader {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): LogPiece[] {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const pieces: LogPiece[] = [];
    for (;;) {
      const end = data.indexOf(NEWLINE);
      if (end === -1 && data.length <= LONGEST_LINE) break;
      const cut = end === -1 || end > LONGEST_LINE ? LONGEST_LINE : end;
      pieces.push(parseLine(data.subarray(0, cut), cut === end));
      data = data.subarray(cut === end ? end + 1 : cut);
    }
    this.#rest = Buffer.from(data);
    return pieces.filter((piece) => piece.bytes.length > 0 || !piece.partial);
  }

  /** What stands after the last line end. */
  end(): LogPiece[] {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest.length === 0 ? [] : [parseLine(rest, false)];
  }
}

const HEADER = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([FP])(?: |$)/;

/** A line that does not fit the format is shown as it is: a log is evidence. */
function parseLine(line: Buffer, complete: boolean): LogPiece {
  const header = HEADER.exec(line.subarray(0, 64).toString("latin1"));
  if (!header) return { time: "", stream: "stdout", partial: !complete, bytes: line };
  const [text, time = "", stream, flag] = header;
  return { time, stream: stream as LogPiece["stream"], partial: flag === "P" || !complete, bytes: line.subarray(text.length) };
}

/** Nanosecond times of lines as a number that sorts; 0 for a line without one. Milliseconds with a fraction. */
export function timeOf(piece: LogPiece): number {
  if (piece.time === "") return 0;
  const fraction = /\.(\d{1,9})/.exec(piece.time)?.[1] ?? "";
  const whole = Date.parse(piece.time.replace(/\.\d+/, ""));
  return whole + Number(fraction.padEnd(9, "0")) / 1e6;
}
