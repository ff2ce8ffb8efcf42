import { createReadStream } from "node:fs";
import type { NativeRoot } from "../../platform/index.ts";
import { buildError } from "../build-error.ts";

const MAX_BYTES = 4 * 1024 * 1024;
const MISSING = new Set(["ENOENT", "ENOTDIR"]);

/** A text file below `root`, symbolic links followed inside it; null when there is none. @throws BerthError build_failed when too large */
export async function readSmallFile(root: NativeRoot, path: string): Promise<string | null> {
  const descriptor = await openOrNull(root, path);
  if (descriptor === null) return null;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of createReadStream("", { fd: descriptor }) as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw buildError(`${path} is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function openOrNull(root: NativeRoot, path: string): Promise<number | null> {
  try {
    return await root.openFile(path, true);
  } catch (error) {
    if (MISSING.has((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
}
