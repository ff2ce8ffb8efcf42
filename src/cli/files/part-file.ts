import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** A file beside the one that it will replace. */
export interface PartFile {
  path: string;
  /** Held until it is closed or its process ends. */
  lock: FileHandle;
}

interface Flock {
  tryLock(fd: number): boolean;
}

/** Makes an empty part file for `target`, after removing those of writers that were killed. */
export async function openPartFile(native: Flock, target: string): Promise<PartFile> {
  await sweepParts(native, target);
  for (;;) {
    const path = `${target}.${randomBytes(4).toString("hex")}.part`;
    const handle = await open(path, "wx", 0o666);
    // Until it is locked another writer's sweep may take it for a leftover: then it is locked by that one, or gone already.
    if (isLockable(native, handle) && (await handle.stat()).nlink > 0) return { path, lock: handle };
    await handle.close();
  }
}

async function sweepParts(native: Flock, target: string): Promise<void> {
  const [start, folder] = [`${basename(target)}.`, dirname(target)];
  const parts = (await namesIn(folder)).filter((name) => name.startsWith(start) && PART.test(name.slice(start.length)));
  for (const name of parts) await removeIfLeft(native, join(folder, name));
}

const PART = /^[a-f0-9]{8}\.part$/;

async function removeIfLeft(native: Flock, path: string): Promise<void> {
  const handle = await openOwn(path);
  if (handle === null) return;
  try {
    const found = await handle.stat();
    if (found.isFile() && found.uid === process.getuid?.() && native.tryLock(handle.fd)) await rm(path, { force: true });
  } catch (error) {
    if (!NO_LOCKS.has(codeOf(error))) throw error;
  } finally {
    await handle.close();
  }
}

/** Null for what another user closed to us, is no file, or has just gone. */
async function openOwn(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (["ENOENT", "EACCES", "ELOOP", "EISDIR", "ENXIO"].includes(codeOf(error))) return null;
    throw error;
  }
}

/** True as well where the file system has no locks: nobody can sweep there either. */
function isLockable(native: Flock, { fd }: FileHandle): boolean {
  try {
    return native.tryLock(fd);
  } catch (error) {
    if (NO_LOCKS.has(codeOf(error))) return true;
    throw error;
  }
}

const NO_LOCKS = new Set(["ENOLCK", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EINVAL"]);

/** One may write into a folder without reading it: what is left there is not ours to find. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === "EACCES") return [];
    throw error;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "";
}
