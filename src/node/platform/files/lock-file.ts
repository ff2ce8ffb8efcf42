import { open, readFile } from "node:fs/promises";
import { BerthError } from "../../../shared/domain/index.ts";
import { identifyProcess, type ProcessIdentity } from "../process/identity.ts";
import { type LockPorts, tryLockOf } from "../process/try-lock-of.ts";

export interface FileLock {
  /** Lets go; the file stays, as removing it would let two holders each lock a file of their own. */
  release(): Promise<void>;
}

/**
 * Takes the lock at `path` (flock, so the kernel frees it when its holder dies) and writes who holds it into the file.
 * Processes this one starts do not inherit it.
 * @throws BerthError data_dir_locked naming the holder
 */
export async function lockFile(ports: LockPorts, path: string): Promise<FileLock> {
  const file = await open(path, "a+", 0o600);
  const holder = async () => parseHolder(await readFile(path, "utf8"));
  try {
    if (!(await tryLockOf(ports, file.fd, holder))) throw lockedBy(path, await holder());
    await file.truncate(0);
    await file.write(`${JSON.stringify(await identifyProcess(process.pid))}\n`);
  } catch (error) {
    await file.close();
    throw error;
  }
  return { release: () => file.close() };
}

function lockedBy(path: string, holder: ProcessIdentity | null): BerthError {
  const who = holder === null ? "another process" : `process ${holder.pid}`;
  return new BerthError("data_dir_locked", `${path} is held by ${who}`, { details: { path, holderPid: holder?.pid ?? null } });
}

/** The holder may be writing this very moment: then it has no name yet. */
function parseHolder(content: string): ProcessIdentity | null {
  try {
    const holder: unknown = JSON.parse(content);
    return typeof holder === "object" && holder !== null && "pid" in holder && typeof holder.pid === "number"
      ? (holder as ProcessIdentity)
      : null;
  } catch {
    return null;
  }
}
