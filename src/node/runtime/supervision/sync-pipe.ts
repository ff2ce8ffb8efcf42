import type { Readable } from "node:stream";
import { BerthError } from "../../../shared/domain/index.ts";

const MAX_MESSAGE_BYTES = 64 * 1024;

/**
 * conmon's one line on its sync pipe: {"data": PID} when the container was created, {"data": -1, "message": "..."}
 * when the runtime refused, nothing when conmon itself died.
 * @throws BerthError container_start_failed
 */
export async function readContainerPid(pipe: Readable): Promise<number> {
  return parseSyncMessage(await firstLine(pipe));
}

/**
 * The container's pid of a line of conmon's, without its line end.
 * @throws BerthError container_start_failed with the runtime's reason
 */
export function parseSyncMessage(line: string): number {
  if (line === "") throw new BerthError("container_start_failed", "conmon ended without a word: see conmon.log in the container's folder");
  const message = parseJson(line);
  if (typeof message.data === "number" && message.data > 0) return message.data;
  throw new BerthError("container_start_failed", cleanMessage(String(message.message ?? "the runtime gave no reason")));
}

function parseJson(line: string): { data?: unknown; message?: unknown } {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) return value;
    throw new TypeError("not an object");
  } catch (error) {
    throw new BerthError("container_start_failed", `conmon said ${JSON.stringify(line)}`, { cause: error });
  }
}

/** runc prefixes its own log format, crun a timestamp: people need the sentence. */
function cleanMessage(message: string): string {
  const text = message.trim();
  const runc = /level=error msg="((?:[^"\\]|\\.)*)"/.exec(text)?.[1]?.replaceAll('\\"', '"');
  return (runc ?? text).replace(/^[0-9T:.-]+Z?:?\s+/, "");
}

async function firstLine(pipe: Readable): Promise<string> {
  let text = "";
  for await (const chunk of pipe) {
    text += String(chunk);
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
    if (text.length > MAX_MESSAGE_BYTES) break;
  }
  return text.trim();
}
