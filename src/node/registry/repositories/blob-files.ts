import { type FileHandle, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { digestOf } from "../../../shared/oci/index.ts";
import type { StoreLock, StorePaths } from "../../images/index.ts";
import { openIfThere, syncFolder, writeFileDurably } from "../../platform/index.ts";

/** The files of the image store, as the registry uses them: by sha256. */
export interface BlobFiles {
  /** Null when the store has no such blob (any more): quarantined, or removed by hand. */
  open(sha256: string): Promise<{ handle: FileHandle; size: number } | null>;
  size(sha256: string): Promise<number | null>;
  /** A whole small blob; null when it is missing or not what its name says. */
  read(sha256: string, maxBytes: number): Promise<Buffer | null>;
  /** Moves a verified, fsynced file into the store and runs `link` before anything can prune it. */
  publish(file: string, sha256: string, link: () => Promise<void>): Promise<void>;
  /** The same for bytes. Returns their sha256 digest. */
  publishBytes(bytes: Uint8Array, link: (sha256: string) => Promise<void>): Promise<string>;
  /** Runs `link` with the size of a blob that is in the store and stays there meanwhile; false when it is not there. */
  linkExisting(sha256: string, link: () => Promise<void>): Promise<boolean>;
}

/** `lock` is the store's: prune holds it while it looks for what nobody links and removes that. */
export function createBlobFiles(paths: StorePaths, lock: StoreLock): BlobFiles {
  const openBlob: BlobFiles["open"] = async (sha256) => {
    const handle = await openIfThere(paths.blob(sha256));
    return handle === null ? null : { handle, size: (await handle.stat()).size };
  };
  const size = async (sha256: string) => {
    const blob = await openBlob(sha256);
    await blob?.handle.close();
    return blob?.size ?? null;
  };
  return {
    open: openBlob,
    size,
    async read(sha256, maxBytes) {
      const blob = await openBlob(sha256);
      try {
        if (blob === null || blob.size > maxBytes) return null;
        const bytes = await blob.handle.readFile();
        return digestOf(bytes) === sha256 ? bytes : null;
      } finally {
        await blob?.handle.close();
      }
    },
    publish: (file, sha256, link) =>
      lock.run(async () => {
        await rename(file, paths.blob(sha256));
        await syncFolder(dirname(paths.blob(sha256)));
        await link();
      }),
    async publishBytes(bytes, link) {
      const sha256 = digestOf(bytes);
      await lock.run(async () => {
        await writeFileDurably(paths.blob(sha256), bytes);
        await link(sha256);
      });
      return sha256;
    },
    linkExisting: (sha256, link) =>
      lock.run(async () => {
        if ((await size(sha256)) === null) return false;
        await link();
        return true;
      }),
  };
}
