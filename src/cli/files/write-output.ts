import { createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { BerthError } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { fileError } from "./file-error.ts";
import { openPartFile } from "./part-file.ts";

/** @throws BerthError invalid_request: a tar is not for a terminal */
export function refuseTerminal(io: CliIo, path: string | undefined): void {
  if (!isStdout(path) || (io.stdout as { isTTY?: boolean }).isTTY !== true) return;
  throw new BerthError("invalid_request", "a tar is not for a terminal", {
    details: { hint: "name a file with -o, or redirect the output" },
  });
}

/**
 * Writes a stream to a file; undefined or "-" is stdout. The file appears when all of it is there: half an archive is never taken
 * for a backup, and the one that it replaces stays until then, after a power cut too. What a killed writer left beside it is removed by
 * the next one.
 * @throws BerthError invalid_request, insufficient_storage, and what breaks the source
 */
export async function writeOutput(io: CliIo, path: string | undefined, source: Readable): Promise<void> {
  if (path === undefined || isStdout(path)) return pipeline(source, io.stdout, { end: false });
  try {
    if (await isSpecial(path)) await pipeline(source, createWriteStream(path));
    else await replace(path, source);
  } catch (error) {
    source.destroy();
    // The source is a connection: what breaks it is no fault of the file.
    throw (error as NodeJS.ErrnoException).syscall === "read" ? error : fileError("write", path, error);
  }
}

function isStdout(path: string | undefined): boolean {
  return path === undefined || path === "-";
}

/** /dev/null, a named pipe: nothing to put another file in the place of. A folder too, which then says so. */
async function isSpecial(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found !== null && !found.isFile();
}

async function replace(path: string, source: Readable): Promise<void> {
  const { loadNative } = await import("../../node/platform/index.ts");
  const part = await openPartFile(loadNative(), path);
  try {
    await pipeline(source, createWriteStream(part.path, { flags: "r+", highWaterMark: 1 << 20, flush: true }));
    await rename(part.path, path);
  } catch (error) {
    await rm(part.path, { force: true });
    throw error;
  } finally {
    await part.lock.close();
  }
}
