import { readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { digestOfHex } from "../../../shared/oci/index.ts";
import { syncFolder } from "../../platform/index.ts";
import { chownedCopies } from "../owners/list-copies.ts";
import type { StorePaths } from "../paths.ts";
import type { BlobStore } from "./blob-store.ts";
import type { IngestSession } from "./ingest-session.ts";

/** What must stay: digests of blobs, chain IDs of unpacked layers. */
export interface Reachable {
  blobs: ReadonlySet<string>;
  chainIds: ReadonlySet<string>;
}

/** Removes every blob and unpacked layer that is not reachable. Call under the store lock. Returns the bytes freed. */
export async function pruneStore(paths: StorePaths, blobs: BlobStore, session: IngestSession, reachable: Reachable): Promise<number> {
  let freed = 0;
  await blobs.sweep();
  for (const digest of await blobs.list()) {
    if (reachable.blobs.has(digest)) continue;
    freed += (await blobs.size(digest)) ?? 0;
    await blobs.remove(digest);
  }
  for (const hex of await readdir(paths.layers)) {
    const chainId = digestOfHex(hex);
    if (chainId !== null && !reachable.chainIds.has(chainId)) freed += await removeLayer(join(paths.layers, hex), session.temporaryPath());
  }
  for (const { chainId, folder } of await chownedCopies(paths)) {
    if (!reachable.chainIds.has(chainId)) freed += await removeLayer(folder, session.temporaryPath());
  }
  for (const folder of paths.blobFolders) await syncFolder(folder);
  await syncFolder(paths.layers);
  return freed;
}

/** Moved away first: a half removed layer must not be taken for a whole one after a crash. */
async function removeLayer(layer: string, grave: string): Promise<number> {
  await rename(layer, grave);
  const bytes = await diskUsage(grave);
  await rm(grave, { recursive: true, force: true });
  return bytes;
}

async function diskUsage(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await diskUsage(path);
    else if (entry.isFile()) bytes += (await stat(path)).blocks * 512;
  }
  return bytes;
}
