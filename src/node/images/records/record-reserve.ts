import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { isDiskFull } from "../../platform/index.ts";
import { sizeOf } from "../content/probe-path.ts";
import { asStorageError } from "../content/storage-error.ts";

/** The records with some thousand names. */
const RESERVE_BYTES = 256 * 1024;

/** Space set aside, so that a full disk can be told to let go of an image: taking a name away is written down first. */
export interface RecordReserve {
  /** Sets it aside where it is not; a disk that is too full for it is no failure. */
  fill(): Promise<void>;
  /**
   * Runs `write` again with the reserve given up, where the disk was full.
   * @throws BerthError insufficient_storage
   */
  spendOn(write: () => Promise<void>): Promise<void>;
}

/** Sets nothing aside yet. `path` is on the disk of the records. */
export function createRecordReserve(path: string): RecordReserve {
  return {
    async fill() {
      if ((await sizeOf(path)) === RESERVE_BYTES) return;
      // Bytes that no file system compresses away.
      await writeFile(path, randomBytes(RESERVE_BYTES), { mode: 0o600 }).catch(async (error: unknown) => {
        await rm(path, { force: true });
        if (!isDiskFull(error)) throw error;
      });
    },
    async spendOn(write) {
      try {
        await write();
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        await rm(path, { force: true });
        await write().catch((again: unknown) => Promise.reject(asStorageError(again)));
      }
    },
  };
}
