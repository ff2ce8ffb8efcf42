import { type FileHandle, open, readFile } from "node:fs/promises";

/** The file's text; null when there is no such file. */
export function readTextIfThere(path: string): Promise<string | null> {
  return readFile(path, "utf8").catch(nullIfMissing);
}

/** The file, to read; null when there is no such file. */
export function openIfThere(path: string): Promise<FileHandle | null> {
  return open(path, "r").catch(nullIfMissing);
}

function nullIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}
