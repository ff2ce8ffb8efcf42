import { readFile } from "node:fs/promises";
import { removeUnfinished, writeFileDurably } from "../../platform/index.ts";
import { asStorageError, errnoOf } from "../content/storage-error.ts";
import type { StoreLock } from "../content/store-lock.ts";
import { EMPTY_RECORDS, type ImageRecords, parseRecords } from "./image-records.ts";
import type { RecordReserve } from "./record-reserve.ts";

/** images.json: read at every use, so that several processes see each other's changes. */
export interface RecordFile {
  read(): Promise<ImageRecords>;
  /** Read, change, write under the store lock; on disk when it resolves. @throws BerthError insufficient_storage */
  update(change: (records: ImageRecords) => ImageRecords | Promise<ImageRecords>): Promise<ImageRecords>;
  /** Removes half written versions of it. */
  sweep(): Promise<void>;
}

/** A missing file is an empty list. @throws BerthError internal when it is not what this version writes */
export function createRecordFile(path: string, lock: StoreLock, reserve: RecordReserve): RecordFile {
  const read = async (): Promise<ImageRecords> => {
    try {
      return parseRecords(await readFile(path, "utf8"), path);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return EMPTY_RECORDS;
      throw error;
    }
  };
  return {
    read,
    sweep: () => lock.run(() => removeUnfinished(path)),
    update: (change) =>
      lock.run(async () => {
        const before = await read();
        const after = await change(before);
        const [old, text] = [JSON.stringify(before, null, 2), JSON.stringify(after, null, 2)];
        const write = () => writeFileDurably(path, `${text}\n`);
        // Only what takes away may use what is set aside for it.
        if (text.length < old.length) await reserve.spendOn(write);
        else if (text !== old) await write().catch((error: unknown) => Promise.reject(asStorageError(error)));
        return after;
      }),
  };
}
