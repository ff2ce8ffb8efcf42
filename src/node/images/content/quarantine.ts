import { randomBytes } from "node:crypto";
import { rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { digestHex } from "../../../shared/oci/index.ts";
import { syncFolder } from "../../platform/index.ts";
import type { StorePaths } from "../paths.ts";
import { errnoOf } from "./storage-error.ts";

/** Moves a blob out of the store, where it is kept for a look. Whoever needs it then finds it missing, and fetches it again. */
export async function quarantineBlob(paths: StorePaths, digest: string): Promise<void> {
  try {
    await rename(paths.blob(digest), quarantinePath(paths, digestHex(digest)));
  } catch (error) {
    // Another process has done it.
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  await syncFolder(dirname(paths.blob(digest)));
}

/**
 * Moves an unpacked layer, or a copy of one, out of its folder; the next start makes it anew. A container that stands on it keeps
 * its files. Call under the store lock: prune removes layers too.
 */
export async function quarantineLayer(paths: StorePaths, chainId: string, folder: string): Promise<void> {
  await rename(folder, quarantinePath(paths, `layer-${digestHex(chainId)}`));
  await syncFolder(dirname(folder));
}

/** A name of its own each time: the same blob may be found damaged again. */
function quarantinePath(paths: StorePaths, name: string): string {
  return join(paths.quarantine, `${name}-${randomBytes(4).toString("hex")}`);
}
