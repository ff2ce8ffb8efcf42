import type { StorePaths } from "../paths.ts";
import { resolveReference } from "../records/resolve-reference.ts";
import type { ImageStore, Progress } from "../types.ts";
import { type BlobCheck, checkBlob } from "./check-blob.ts";
import { blobsOfImage, contentOf, readRecords } from "./known-images.ts";
import { UNTHROTTLED } from "./throttle.ts";

export interface VerifyReport {
  digest: string;
  references: string[];
  /** True when every byte is as its digest says. */
  whole: boolean;
  blobs: (BlobCheck & { kind: "manifest" | "config" | "layer" })[];
}

/**
 * Hashes everything that an image consists of again, as it is on disk now. Changes nothing.
 * @throws BerthError image_not_found, invalid_reference
 */
export async function verifyImage(
  ports: { paths: StorePaths; store: Pick<ImageStore, "get"> },
  reference: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const records = await readRecords(ports.paths);
  const digest = resolveReference(records, reference);
  const references = records.images[digest]?.references ?? [];
  const parts = blobsOfImage({ digest, references, content: await contentOf(ports.store, digest) });
  const blobs: VerifyReport["blobs"] = [];
  for (const [index, part] of parts.entries()) {
    progress({ step: "verify", detail: `${part.kind} ${part.digest}`, current: index + 1, total: parts.length });
    blobs.push({ kind: part.kind, ...(await checkBlob(ports.paths, part, UNTHROTTLED, signal)) });
  }
  // Without a config there are no layers to look at: that is never whole.
  return { digest, references, whole: parts.length > 1 && blobs.every(({ problem }) => problem === null), blobs };
}
