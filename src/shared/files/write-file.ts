import { randomBytes } from "node:crypto";
import { open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

export interface WriteOptions {
  /** Permission bits of the file; the umask does not apply. Default 0600. */
  mode?: number;
}

/**
 * Replaces a file so that a reader sees the old or the new bytes, and a power cut leaves one of them: temporary file,
 * fsync, rename, fsync of the folder.
 */
export async function writeFileDurably(path: string, data: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
  await replaceFile(path, data, options.mode ?? 0o600, true);
  await syncFolder(dirname(path));
}

/** The same for files that need not outlive a boot (the run folder): readers see old or new, nothing is synced. */
export async function writeFileAtomically(path: string, data: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
  await replaceFile(path, data, options.mode ?? 0o600, false);
}

/** Removes what processes that were killed while they wrote the file left beside it. Call when nobody writes it. */
export async function removeUnfinished(path: string): Promise<void> {
  const [start, folder] = [`.${basename(path)}.`, dirname(path)];
  const left = (await readdir(folder)).filter((name) => name.startsWith(start) && name.endsWith(".tmp"));
  for (const name of left) await rm(join(folder, name), { force: true });
}

/** ENOSPC, or a quota's EDQUOT: what an operator can help. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}

/** Makes names created, renamed or removed in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function replaceFile(path: string, data: string | Uint8Array, mode: number, sync: boolean): Promise<void> {
  await withTemporary(path, data, { mode, sync }, (temporary) => rename(temporary, path));
}

/**
 * Writes a file beside `path` that nobody else has, open to others at no moment that `mode` does not allow, and gives it to `name`, which
 * gives it its name. The leading dot and the suffix tell a leftover of a crash from what belongs in the folder.
 */
export async function withTemporary(
  path: string,
  data: string | Uint8Array,
  { mode, sync }: { mode: number; sync: boolean },
  name: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.chmod(mode);
      await file.writeFile(data);
      if (sync) await file.sync();
    } finally {
      await file.close();
    }
    await name(temporary);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
