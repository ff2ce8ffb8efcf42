import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { BerthError } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { fileError } from "./file-error.ts";

/** A file to send; undefined or "-" is stdin. @throws BerthError invalid_request when it cannot be read, or stdin is a terminal */
export async function openInput(io: CliIo, path: string | undefined): Promise<Readable> {
  if (path === undefined || path === "-") {
    if ((io.stdin as { isTTY?: boolean }).isTTY !== true) return io.stdin;
    throw new BerthError("invalid_request", "a tar does not come from a terminal", {
      details: { hint: "name a file, or redirect the input" },
    });
  }
  try {
    const handle = await open(path);
    if (!(await handle.stat()).isDirectory()) return handle.createReadStream({ highWaterMark: 1 << 18 });
    await handle.close();
  } catch (error) {
    throw fileError("read", path, error);
  }
  throw new BerthError("invalid_request", `cannot read ${path}: it is a folder`, { details: { hint: "name a file, or - for stdin" } });
}
