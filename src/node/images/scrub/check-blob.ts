import { createReadStream } from "node:fs";
import { createDigester } from "../../../shared/oci/index.ts";
import { sizeOf } from "../content/probe-path.ts";
import { errnoOf } from "../content/storage-error.ts";
import type { StorePaths } from "../paths.ts";
import type { Throttle } from "./throttle.ts";

export type BlobProblem = "missing" | "wrong-size" | "damaged" | "unreadable";

export interface BlobCheck {
  digest: string;
  /** Bytes on disk; null when it is missing. */
  sizeBytes: number | null;
  /** Null when every byte is what the digest says. */
  problem: BlobProblem | null;
}

/** Hashes one blob as it is on disk. `size` is what a descriptor says; null where nothing names it. */
export async function checkBlob(
  paths: StorePaths,
  blob: { digest: string; size: number | null },
  throttle: Throttle,
  signal: AbortSignal,
): Promise<BlobCheck> {
  const { digest } = blob;
  const sizeBytes = await sizeOf(paths.blob(digest));
  if (sizeBytes === null) return { digest, sizeBytes, problem: "missing" };
  try {
    const found = await hashFile(paths.blob(digest), digest, throttle, signal);
    if (found !== digest) return { digest, sizeBytes, problem: "damaged" };
    return { digest, sizeBytes, problem: blob.size !== null && blob.size !== sizeBytes ? "wrong-size" : null };
  } catch (error) {
    // A disk that cannot read a sector any more says EIO.
    if (errnoOf(error) === "EIO") return { digest, sizeBytes, problem: "unreadable" };
    if (errnoOf(error) === "ENOENT") return { digest, sizeBytes: null, problem: "missing" };
    throw error;
  }
}

async function hashFile(path: string, like: string, throttle: Throttle, signal: AbortSignal): Promise<string> {
  const digester = createDigester(like);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    digester.update(chunk);
    await throttle.take(chunk.byteLength, signal);
  }
  return digester.digest();
}
