import { type FileHandle, open, readFile } from "node:fs/promises";
import type { LockPorts, ProcessIdentity } from "../../node/platform/index.ts";
import { BerthError } from "../../shared/domain/index.ts";

/** Who holds a data dir; written for people and for `berth down`, the lock itself is flock's. */
export interface LockHolder {
  pid: number;
  startTicks: string;
  /** Milliseconds since the Unix epoch. */
  since: number;
  listen: string;
  runDir: string;
}

export interface DataDirLock {
  /** Gives the lock up. The file stays: removing a locked file would let two holders in. */
  release(): Promise<void>;
}

interface Flock {
  tryLock(fd: number): boolean;
}

/**
 * Takes the data dir for this process, for as long as it lives: the kernel frees it even after kill -9.
 * @throws BerthError data_dir_locked, naming the holder
 */
export async function lockDataDir(ports: LockPorts, path: string, dataDir: string, holder: LockHolder): Promise<DataDirLock> {
  // Not above: every `berth` command would load it with what it needs.
  const { tryLockOf } = await import("../../node/platform/index.ts");
  const file = await open(path, "a+", 0o600);
  try {
    if (!(await tryLockOf(ports, file.fd, () => identityOfHolder(path)))) throw lockedError(dataDir, await readLockHolder(path));
    await writeHolder(file, holder);
  } catch (error) {
    await file.close();
    throw error;
  }
  return { release: () => file.close() };
}

/** True when some process holds the lock now. */
export async function isLocked(native: Flock, path: string): Promise<boolean> {
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (file === null) return false;
  try {
    return !native.tryLock(file.fd);
  } finally {
    await file.close();
  }
}

/** Null when nobody ever held it, or the holder died while it wrote its name. */
export async function readLockHolder(path: string): Promise<LockHolder | null> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as LockHolder;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

async function identityOfHolder(path: string): Promise<ProcessIdentity | null> {
  const holder = await readLockHolder(path);
  return holder === null ? null : { pid: holder.pid, startTimeTicks: holder.startTicks };
}

/** In place, not by renaming: the lock is on this very file. */
async function writeHolder(file: FileHandle, holder: LockHolder): Promise<void> {
  await file.truncate(0);
  await file.write(`${JSON.stringify(holder)}\n`, 0);
  await file.sync();
}

/** data_dir_locked, naming who holds it; `holder` is null when the holder has not written its name yet. */
export function lockedError(dataDir: string, holder: LockHolder | null): BerthError {
  const who = holder
    ? `process ${holder.pid} since ${new Date(holder.since).toISOString()}, listening on ${holder.listen}`
    : "another process";
  return new BerthError("data_dir_locked", `${dataDir} is held by ${who}`, {
    details: {
      hint: `use it as it runs, stop it with \`berth down --data-dir ${dataDir}\`, or choose another --data-dir`,
      ...(holder ? { holder } : {}),
    },
  });
}
