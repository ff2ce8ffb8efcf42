import { readdir } from "node:fs/promises";
import type { Clock } from "../../../shared/domain/index.ts";
import { digestOfHex } from "../../../shared/oci/index.ts";
import { exists, type Native } from "../../platform/index.ts";
import { quarantineLayer } from "../content/quarantine.ts";
import { createStoreLock } from "../content/store-lock.ts";
import { chownedCopies, type LayerFolder } from "../owners/list-copies.ts";
import type { StorePaths } from "../paths.ts";
import type { Progress } from "../types.ts";
import { checkUnpacked, type UnpackedCheck } from "./check-unpacked.ts";
import type { Throttle } from "./throttle.ts";

/** What became of unpacked layers, or of their copies for user namespaces. */
export interface LayersReport {
  checked: number;
  /** Looked at for the first time. */
  sealed: number;
  /** Chain IDs of what was moved to quarantine/; of copies one for each mapping. */
  quarantined: string[];
  /** Chain IDs of what is damaged, but a container stands on it. */
  damagedInUse: string[];
}

export interface LayerScrub {
  paths: StorePaths;
  native: Native;
  clock: Clock;
  throttle: Throttle;
  /** Chain IDs that containers stand on: their folders stay where they are. */
  inUse: ReadonlySet<string>;
}

/**
 * Reads every unpacked layer and every copy of one. A damaged layer's copies go with it: they may have been made when it was damaged
 * already, and would run once it is unpacked anew.
 */
export async function scrubUnpacked(
  ports: LayerScrub,
  progress: Progress,
  signal: AbortSignal,
): Promise<{ layers: LayersReport; copies: LayersReport }> {
  const chainIds = (await readdir(ports.paths.layers)).map(digestOfHex).filter((chainId) => chainId !== null);
  const unpacked = chainIds.sort().map((chainId) => ({ chainId, folder: ports.paths.layer(chainId) }));
  const copiesGone: string[] = [];
  const layers = await scrubEach(ports, { folders: unpacked, called: "unpacked layer" }, progress, signal, async (layer) => {
    copiesGone.push(...(await quarantineCopies(ports, (copy) => copy.chainId === layer.chainId)));
    await quarantineFolders(ports, [layer]);
  });
  const folders = await chownedCopies(ports.paths);
  const copies = await scrubEach(ports, { folders, called: "copy of layer" }, progress, signal, (copy) => quarantineFolders(ports, [copy]));
  return { layers, copies: { ...copies, quarantined: [...copiesGone, ...copies.quarantined] } };
}

/** Moves copies away whose layer is gone: nothing can tell any more what they were made of. Returns their chain IDs. */
export function quarantineOrphans(ports: Omit<LayerScrub, "throttle">): Promise<string[]> {
  return quarantineCopies(ports, async ({ chainId }) => !ports.inUse.has(chainId) && !(await exists(ports.paths.layer(chainId))));
}

async function quarantineCopies(
  ports: Omit<LayerScrub, "throttle">,
  chosen: (copy: LayerFolder) => boolean | Promise<boolean>,
): Promise<string[]> {
  const copies: LayerFolder[] = [];
  for (const copy of await chownedCopies(ports.paths)) if (await chosen(copy)) copies.push(copy);
  await quarantineFolders(ports, copies);
  return copies.map(({ chainId }) => chainId);
}

/** Under the store lock: what prune removed meanwhile needs no moving. */
function quarantineFolders({ paths, native, clock }: Omit<LayerScrub, "throttle">, layers: readonly LayerFolder[]): Promise<void> {
  return createStoreLock({ path: paths.lockFile, native, clock }).run(async () => {
    for (const { chainId, folder } of layers) if (await exists(folder)) await quarantineLayer(paths, chainId, folder);
  });
}

/** Null for one that prune took away while it was read: what was found then says nothing. */
async function checkUnlessPruned(ports: LayerScrub, folder: string, signal: AbortSignal): Promise<UnpackedCheck | null> {
  try {
    const found = await checkUnpacked(ports, folder, signal);
    return (await exists(folder)) ? found : null;
  } catch (error) {
    if (signal.aborted || (await exists(folder))) throw error;
    return null;
  }
}

async function scrubEach(
  ports: LayerScrub,
  { folders, called }: { folders: readonly LayerFolder[]; called: string },
  progress: Progress,
  signal: AbortSignal,
  quarantine: (layer: LayerFolder) => Promise<void>,
): Promise<LayersReport> {
  const report: LayersReport = { checked: folders.length, sealed: 0, quarantined: [], damagedInUse: [] };
  for (const [index, layer] of folders.entries()) {
    progress({ step: "scrub", detail: `${called} ${layer.chainId}`, current: index + 1, total: folders.length });
    const found = await checkUnlessPruned(ports, layer.folder, signal);
    if (found === null) report.checked--;
    if (found === "sealed") report.sealed++;
    if (found !== "damaged") continue;
    if (ports.inUse.has(layer.chainId)) report.damagedInUse.push(layer.chainId);
    else {
      await quarantine(layer);
      report.quarantined.push(layer.chainId);
    }
  }
  return report;
}
