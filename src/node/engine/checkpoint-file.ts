import { chmod, lstat, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { MountInput } from "../runtime/index.ts";

/** Where a container finds the folder; the file in it is what it touches when a checkpoint is durable. */
const FOLDER = "/run/berth/checkpoint";
const FILE = "done";
export const CHECKPOINT_FILE = `${FOLDER}/${FILE}`;

/** The folder, writable by whatever user the job runs as, as a mount. It lies beside the writable layer and goes with it. */
export async function makeCheckpointFolder(folder: string): Promise<MountInput> {
  await mkdir(folder, { mode: 0o700 });
  await chmod(folder, 0o1777);
  return { source: folder, target: FOLDER, readOnly: false };
}

/**
 * When the file was last touched, milliseconds since the Unix epoch; null before. Only the entry itself is looked at: the
 * container may have put a link to anything there.
 */
export async function readCheckpointTime(folder: string): Promise<number | null> {
  try {
    return Math.floor((await lstat(join(folder, FILE))).mtimeMs);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw error;
  }
}
