import { readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder, writeFileDurably } from "../platform/index.ts";

/** Replaces `path` by `value` as JSON, permission 0600: after a power cut the old or the new text. */
export function writeJsonDurably(path: string, value: unknown): Promise<void> {
  return writeFileDurably(path, `${JSON.stringify(value)}\n`, { mode: 0o600 });
}

/** Null when the file does not exist. Throws SyntaxError for a damaged one. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Missing is fine. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}
