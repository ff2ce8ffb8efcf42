import { readFile } from "node:fs/promises";
import { isBerthError } from "../../../shared/domain/index.ts";
import { errnoOf } from "../content/storage-error.ts";
import type { StorePaths } from "../paths.ts";
import { EMPTY_RECORDS, type ImageRecords, parseRecords } from "../records/image-records.ts";
import type { Image, ImageStore } from "../types.ts";

/** An image of the list; `content` is null when its manifest or config is missing or damaged. */
export interface KnownImage {
  digest: string;
  references: string[];
  content: Image | null;
}

/** Every image that images.json names, readable or not. */
export async function knownImages(paths: StorePaths, store: Pick<ImageStore, "get">): Promise<KnownImage[]> {
  const records = await readRecords(paths);
  return Promise.all(
    Object.entries(records.images).map(async ([digest, { references }]) => ({
      digest,
      references,
      content: await contentOf(store, digest),
    })),
  );
}

/**
 * Without the store lock: what it says may change right after.
 * @throws BerthError internal when the file is not what this version writes
 */
export async function readRecords(paths: StorePaths): Promise<ImageRecords> {
  try {
    return parseRecords(await readFile(paths.imagesFile, "utf8"), paths.imagesFile);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return EMPTY_RECORDS;
    throw error;
  }
}

/** Null when it cannot be read: the caller says so, and goes on with the others. */
export async function contentOf(store: Pick<ImageStore, "get">, digest: string): Promise<Image | null> {
  try {
    return await store.get(digest);
  } catch (error) {
    if (isBerthError(error)) return null;
    throw error;
  }
}

/** What an image stands on: its manifest, its config and its layers, with their sizes where a descriptor tells. */
export function blobsOfImage(image: KnownImage): { kind: "manifest" | "config" | "layer"; digest: string; size: number | null }[] {
  const manifest = { kind: "manifest" as const, digest: image.digest, size: null };
  if (image.content === null) return [manifest];
  const { configDigest, layers } = image.content;
  return [
    manifest,
    { kind: "config" as const, digest: configDigest, size: null },
    ...layers.map(({ digest, size }) => ({ kind: "layer" as const, digest, size })),
  ];
}
