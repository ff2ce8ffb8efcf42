import { access, type FileHandle, open, readFile } from "node:fs/promises";

/** The file's text; null when there is no such file. */
export function readTextIfThere(path: string): Promise<string | null> {
  return readFile(path, "utf8").catch(nullIfMissing);
}

/** The file, to read; null when there is no such file. */
export function openIfThere(path: string): Promise<FileHandle | null> {
  return open(path, "r").catch(nullIfMissing);
}

/** Whether something is at the path, symbolic links followed; what cannot be found out (EIO, ELOOP, EACCES) is thrown. */
export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw error;
  }
}

function nullIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}
