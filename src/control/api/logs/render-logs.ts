import { StringDecoder } from "node:string_decoder";
import type { LogEntry } from "../../../shared/wire/index.ts";
import type { LogPiece } from "./log-lines.ts";
import type { RankedPiece } from "./stream-job-logs.ts";

export interface RenderOptions {
  timestamps: boolean;
  /** Say whose line it is: "[3] text". */
  ranks: boolean;
}

type Batches = AsyncIterable<RankedPiece[]>;

/** NDJSON: an object a line. JSON escapes whatever control characters the program wrote. */
export async function* renderNdjson(batches: Batches, note: () => string | null): AsyncGenerator<string> {
  const decoders = new Map<string, StringDecoder>();
  for await (const batch of batches) {
    const lines = batch.map(({ rank, piece }) =>
      entryLine({ rank, stream: piece.stream, time: piece.time, text: textOf(decoders, rank, piece), partial: piece.partial }),
    );
    if (lines.length > 0) yield lines.join("");
  }
  const last = note();
  if (last !== null) yield entryLine({ rank: 0, stream: "note", time: new Date().toISOString(), text: last, partial: false });
}

/** A piece may end inside a UTF-8 sequence; the next one of the same stream brings the rest. */
function textOf(decoders: Map<string, StringDecoder>, rank: number, piece: LogPiece): string {
  const key = `${rank} ${piece.stream}`;
  const decoder = decoders.get(key) ?? new StringDecoder("utf8");
  decoders.set(key, decoder);
  return piece.partial ? decoder.write(piece.bytes) : decoder.end(piece.bytes);
}

function entryLine(entry: LogEntry): string {
  return `${JSON.stringify(entry)}\n`;
}

/** The program's bytes as it wrote them; a piece without a line end is passed on at once, so progress bars move. */
export async function* renderPlain(batches: Batches, options: RenderOptions, note: () => string | null): AsyncGenerator<Buffer> {
  let openRank: number | null = null;
  for await (const batch of batches) {
    const parts: Buffer[] = [];
    for (const { rank, piece } of batch) {
      if (openRank !== null && openRank !== rank) parts.push(LINE_END);
      if (openRank !== rank) parts.push(Buffer.from(prefix(rank, piece.time, options)));
      parts.push(piece.bytes);
      if (!piece.partial) parts.push(LINE_END);
      openRank = piece.partial ? rank : null;
    }
    if (parts.length > 0) yield Buffer.concat(parts);
  }
  const last = note();
  if (last !== null) yield Buffer.from(`${openRank === null ? "" : "\n"}${last}\n`);
}

const LINE_END = Buffer.from("\n");

function prefix(rank: number, time: string, options: RenderOptions): string {
  return `${options.ranks ? `[${rank}] ` : ""}${options.timestamps && time !== "" ? `${time} ` : ""}`;
}
