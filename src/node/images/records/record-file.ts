import { readFile } from "node:fs/promises";
import { removeUnfinished, writeFileDurably } from "../../platform/index.ts";
import { errnoOf } from "../content/storage-error.ts";
import type { StoreLock } from "../content/store-lock.ts";
import { EMPTY_RECORDS, type ImageRecords, parseRecords } from "./image-records.ts";

/** images.json: read at every use, so that several processes see each other's changes. */
export interface RecordFile {
  read(): Promise<ImageRecords>;
  /** Read, change, write under the store lock; on disk when it resolves. */
  update(change: (records: ImageRecords) => ImageRecords | Promise<ImageRecords>): Promise<ImageRecords>;
  /** Removes half written versions of it. */
  sweep(): Promise<void>;
}

export function createRecordFile(path: string, lock: StoreLock): RecordFile {
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
        const text = JSON.stringify(after, null, 2);
        if (text !== JSON.stringify(before, null, 2)) await writeFileDurably(path, `${text}\n`);
        return after;
      }),
  };
}
