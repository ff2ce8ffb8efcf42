import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDiskFull, writeFileDurably } from "../../platform/index.ts";
import { errnoOf } from "../content/storage-error.ts";

/**
 * Bytes on disk of an unpacked layer or a copy of one, hard links once; null when it is not there. Measured once: layers never change.
 * @param layer the folder that has its files in fs/
 */
export async function unpackedSize(layer: string): Promise<number | null> {
  const note = join(layer, "size");
  const known = await readFile(note, "utf8").catch(ifMissing(null));
  if (known !== null && /^\d{1,15}$/.test(known)) return Number(known);
  try {
    const bytes = await sizeOfTree(join(layer, "fs"), new Set());
    // A full disk is when its use is asked for: measured again then, instead of noted.
    await writeFileDurably(note, String(bytes)).catch((error: unknown) => {
      if (!isDiskFull(error)) throw error;
    });
    return bytes;
  } catch (error) {
    return ifMissing(null)(error);
  }
}

async function sizeOfTree(path: string, seen: Set<string>): Promise<number> {
  const stat = await lstat(path);
  if (!stat.isDirectory() && stat.nlink > 1) {
    if (seen.has(`${stat.ino}`)) return 0;
    seen.add(`${stat.ino}`);
  }
  let bytes = stat.blocks * 512;
  if (!stat.isDirectory()) return bytes;
  for (const name of await readdir(path)) bytes += await sizeOfTree(join(path, name), seen);
  return bytes;
}

function ifMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (errnoOf(error) === "ENOENT") return value;
    throw error;
  };
}
