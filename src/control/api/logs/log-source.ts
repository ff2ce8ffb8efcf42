import { open } from "node:fs/promises";
import { LogLineReader, type LogPiece, timeOf } from "./log-lines.ts";
import { tailOffset } from "./tail-offset.ts";

const CHUNK = 256 * 1024;

/** One replica's log as a reader walks through it. Opens the file for each chunk only: a thousand idle followers hold no descriptor. */
export interface LogSource {
  rank: number;
  /** Reads on when every piece was taken; false when the file has no more now. */
  fill(): Promise<boolean>;
  /** The next piece in memory; stays until `take`. */
  head(): LogPiece | null;
  take(): void;
  /** What stands after the last line end: shown only when nothing more can come. */
  rest(): LogPiece[];
}

export interface SourceOptions {
  rank: number;
  path: string;
  /** Last lines only; null for all. */
  tail: number | null;
  /** Milliseconds since the Unix epoch; pieces before it are left out. Null for all. */
  since: number | null;
}

/**
 * Starts at the first byte, or where the last `tail` lines begin.
 * @throws what the file system says, ENOENT for a log that is gone
 */
export async function openLogSource(options: SourceOptions): Promise<LogSource> {
  const reader = new LogLineReader();
  let offset = options.tail === null ? 0 : await tailOffset(options.path, options.tail);
  let pieces: LogPiece[] = [];
  let next = 0;
  const wanted = (piece: LogPiece) => options.since === null || piece.time === "" || timeOf(piece) >= options.since;

  return {
    rank: options.rank,
    fill: async () => {
      while (next >= pieces.length) {
        const chunk = await readChunk(options.path, offset);
        if (chunk.length === 0) return false;
        offset += chunk.length;
        pieces = reader.push(chunk).filter(wanted);
        next = 0;
      }
      return true;
    },
    head: () => pieces[next] ?? null,
    take: () => {
      next += 1;
    },
    rest: () => reader.end().filter(wanted),
  };
}

async function readChunk(path: string, offset: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(CHUNK);
    const { bytesRead } = await file.read(buffer, 0, CHUNK, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
