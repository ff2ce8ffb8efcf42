import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../../../shared/domain/index.ts";
import { exists, type IdMapping, type Native, syncFolder } from "../../platform/index.ts";
import { makeDirectories } from "../content/durable-files.ts";
import { namesIn } from "../content/probe-path.ts";
import { createStoreLock } from "../content/store-lock.ts";
import { copyLayer } from "../copies/copy-layer.ts";
import type { StorePaths } from "../paths.ts";
import { toHostOwners } from "./shift-owners.ts";

/** The chowned copy of a layer: made once for a mapping, whole on disk before it has its name. */
export type ChownedLayer = (chainId: string, mapping: IdMapping) => Promise<string>;

/** Copies are on disk before they are used; who asks for one that another process makes waits for it. */
export function createChownedLayers(parts: { paths: StorePaths; native: Native; clock: Clock }): ChownedLayer {
  const { paths, native, clock } = parts;
  // One at a time, over all processes: so what is unfinished when the lock is free belongs to nobody.
  const lock = createStoreLock({ path: lockOf(paths), native, clock });
  return async (chainId, mapping) => {
    const layer = paths.chownedLayer(chainId, mapping);
    if (!(await exists(layer))) await lock.run(() => makeLayer(native, paths.layerFiles(chainId), layer, mapping));
    return join(layer, "fs");
  };
}

async function makeLayer(native: Native, from: string, layer: string, mapping: IdMapping): Promise<void> {
  if (await exists(layer)) return;
  const unfinished = join(dirname(layer), UNFINISHED);
  await makeDirectories([dirname(layer)], 0o700);
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(join(unfinished, "fs"), { recursive: true, mode: 0o700 });
  await copyLayer(native, from, join(unfinished, "fs"), (metadata) => toHostOwners(metadata, mapping));
  await native.syncFileSystem(unfinished);
  await rename(unfinished, layer);
  await syncFolder(dirname(layer));
}

/** Frees the disk of copies whose maker was killed. While one is being made nothing is touched: it may be that one. */
export async function removeUnfinishedCopies(paths: StorePaths, native: Pick<Native, "tryLock">): Promise<void> {
  const mappings = await namesIn(paths.chownedLayers);
  if (mappings.length === 0) return;
  const lock = await open(lockOf(paths), "a", 0o600);
  try {
    if (!native.tryLock(lock.fd)) return;
    for (const mapping of mappings) await rm(join(paths.chownedLayers, mapping, UNFINISHED), { recursive: true, force: true });
  } finally {
    await lock.close();
  }
}

const lockOf = (paths: StorePaths): string => join(paths.dataDir, "layers-chowned.lock");

/** No chain ID: nobody takes it for a copy. */
const UNFINISHED = "unfinished";
