import { randomBytes } from "node:crypto";
import { rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createDigester, digestHex } from "../../../shared/oci/index.ts";
import { syncFolder } from "../../platform/index.ts";
import type { StorePaths } from "../paths.ts";
import type { BlobStore } from "./blob-store.ts";
import { errnoOf } from "./storage-error.ts";

/**
 * Hashes blobs and moves those whose bytes are not what their digest says out of the store, where they are kept for a look.
 * Whoever needs one then finds it missing, and fetches it again. Returns the digests that were moved.
 */
export async function quarantineDamaged(
  paths: StorePaths,
  blobs: Pick<BlobStore, "size" | "stream">,
  digests: Iterable<string>,
  signal: AbortSignal,
): Promise<string[]> {
  const damaged: string[] = [];
  for (const digest of new Set(digests)) {
    if ((await blobs.size(digest)) === null || (await hashOf(blobs, digest, signal)) === digest) continue;
    await quarantineBlob(paths, digest);
    damaged.push(digest);
  }
  return damaged;
}

async function hashOf(blobs: Pick<BlobStore, "stream">, digest: string, signal: AbortSignal): Promise<string> {
  const digester = createDigester(digest);
  for await (const chunk of blobs.stream(digest) as AsyncIterable<Uint8Array>) {
    signal.throwIfAborted();
    digester.update(chunk);
  }
  return digester.digest();
}

/** Moves a blob out of the store. */
export async function quarantineBlob(paths: StorePaths, digest: string): Promise<void> {
  try {
    await rename(paths.blob(digest), quarantinePath(paths, digestHex(digest)));
  } catch (error) {
    // Another process has done it.
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  await syncFolder(dirname(paths.blob(digest)));
}

/** Moves an unpacked layer away, so that the next start unpacks it anew from its blob. */
export async function quarantineLayer(paths: StorePaths, chainId: string): Promise<void> {
  await rename(paths.layer(chainId), quarantinePath(paths, `layer-${digestHex(chainId)}`));
  await syncFolder(paths.layers);
}

/** A name of its own each time: the same blob may be found damaged again. */
function quarantinePath(paths: StorePaths, name: string): string {
  return join(paths.quarantine, `${name}-${randomBytes(4).toString("hex")}`);
}
