import { open } from "node:fs/promises";

const BLOCK = 64 * 1024;
const NEWLINE = 0x0a;
/** Long enough for "2026-01-02T03:04:05.123456789+00:00 stderr F ". */
const HEADER_BYTES = 48;

/**
 * Where the last `lines` lines of a log file start, read block by block from its end. Pieces of one long line
 * (flag P) count once, with the piece that ends it (flag F).
 */
export async function tailOffset(path: string, lines: number): Promise<number> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    if (lines === 0) return size;
    return await scan((position, length) => readAt(file, position, length), size, lines);
  } finally {
    await file.close();
  }
}

async function scan(read: (position: number, length: number) => Promise<Buffer>, size: number, lines: number): Promise<number> {
  let whole = 0;
  let position = size;
  while (position > 0) {
    const start = Math.max(0, position - BLOCK);
    // A line that starts at the block's end has its flag beyond it.
    const block = await read(start, position - start + HEADER_BYTES);
    for (let at = position - start - 1; at >= 0; at -= 1) {
      if (block[at] !== NEWLINE && start + at !== 0) continue;
      const lineStart = block[at] === NEWLINE ? at + 1 : at;
      if (start + lineStart >= size || !endsLine(block, lineStart)) continue;
      whole += 1;
      if (whole > lines) return nextLine(read, start + lineStart, size);
    }
    position = start;
  }
  return 0;
}

function endsLine(block: Buffer, lineStart: number): boolean {
  const header = block.subarray(lineStart, lineStart + HEADER_BYTES).toString("latin1");
  return !/^\S+ (stdout|stderr) P/.test(header);
}

async function nextLine(read: (position: number, length: number) => Promise<Buffer>, from: number, size: number): Promise<number> {
  for (let position = from; position < size; position += BLOCK) {
    const end = (await read(position, BLOCK)).indexOf(NEWLINE);
    if (end !== -1) return position + end + 1;
  }
  return size;
}

async function readAt(file: Awaited<ReturnType<typeof open>>, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}
