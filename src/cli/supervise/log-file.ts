import { copyFile, open, rename, rm, stat, truncate } from "node:fs/promises";

const LARGEST_LOG_BYTES = 16 * 1024 * 1024;
const KEPT_LOGS = 3;

/** Opens a child's log for appending; the child writes to it itself, so it does not die of a supervisor that is gone. */
export async function openLog(path: string): Promise<{ fd: number; startedAt: number; close(): Promise<void> }> {
  const file = await open(path, "a", 0o600);
  return { fd: file.fd, startedAt: (await file.stat()).size, close: () => file.close() };
}

/**
 * Keeps a log small: x.log becomes x.log.1 by copying and emptying, because the child goes on writing to the same file.
 * What it writes between the two is lost, on a full disk all of it; these are logs of processes, not of jobs.
 */
export async function rotateLog(path: string): Promise<void> {
  const size = await sizeOf(path);
  if (size < LARGEST_LOG_BYTES) return;
  await rm(`${path}.${KEPT_LOGS}`, { force: true });
  for (let index = KEPT_LOGS - 1; index >= 1; index -= 1) {
    await rename(`${path}.${index}`, `${path}.${index + 1}`).catch(ignoreMissing);
  }
  // Where the disk takes no copy, emptying the log is what helps it.
  await copyFile(path, `${path}.1`).catch(() => rm(`${path}.1`, { force: true }));
  await truncate(path, 0);
}

/** The last lines written since `offset`. */
export async function lastLines(path: string, offset: number, count: number): Promise<string[]> {
  const file = await open(path, "r");
  try {
    const size = (await file.stat()).size;
    const from = Math.max(size < offset ? 0 : offset, size - 16 * 1024);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(16 * 1024), 0, 16 * 1024, from);
    const lines = buffer.subarray(0, bytesRead).toString("utf8").split("\n");
    return lines.filter((line) => line.trim() !== "").slice(-count);
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (entry) => entry.size,
    (error: NodeJS.ErrnoException) => {
      ignoreMissing(error);
      return 0;
    },
  );
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
