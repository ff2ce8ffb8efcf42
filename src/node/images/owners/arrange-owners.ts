import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { BerthError, type Clock } from "../../../shared/domain/index.ts";
import type { IdMapping, MappedOwners, Native } from "../../platform/index.ts";
import { copyLayer } from "../copies/copy-layer.ts";
import type { StorePaths } from "../paths.ts";
import { probeOverlay } from "../snapshots/probe-overlay.ts";
import { chooseOwnersVariant, type OwnersFacts, type UsableVariant } from "./choose-variant.ts";
import { createChownedLayers } from "./chowned-layers.ts";
import { createMappedOwners } from "./mapped-owners.ts";
import { noteHostOwners } from "./owners-file.ts";
import { toHostOwners } from "./shift-owners.ts";

/** What an overlay for a user namespace is mounted from. */
export interface OwnedLayers {
  /** Top first. */
  lowerDirs: string[];
  mapped?: MappedOwners;
}

export interface Owners {
  /** Tried once, with the first mapping that is asked about. @throws BerthError missing_requirement when refused */
  variant(mapping: IdMapping): Promise<UsableVariant>;
  /** `chain`: the image's layers, `topLayers` those of the container's own above them, top first. */
  arrange(containerDir: string, chain: readonly string[], topLayers: readonly string[], mapping: IdMapping): Promise<OwnedLayers>;
}

interface OwnersOptions {
  paths: StorePaths;
  native: Native;
  clock: Clock;
  wanted: OwnersFacts["wanted"];
  unmount: (path: string) => Promise<void>;
}

/** Tries the kernel at the first mapping that is asked about, and keeps to what that showed. */
export function createOwners(options: OwnersOptions): Owners {
  const { paths, native, wanted, unmount } = options;
  const ownersOf = createMappedOwners(native);
  const chowned = createChownedLayers(options);
  let chosen: Promise<UsableVariant> | null = null;
  const choose = async (mapping: IdMapping): Promise<UsableVariant> => {
    const probe = await probeOverlay(paths.dataDir, native, async () => ({ mapped: await ownersOf(mapping) }), unmount);
    const variant = chooseOwnersVariant({ wanted, ...probe });
    if (variant.kind === "refused") throw new BerthError("missing_requirement", variant.reason);
    return variant;
  };
  const variant = (mapping: IdMapping) => {
    chosen ??= choose(mapping);
    return chosen;
  };
  return {
    variant,
    async arrange(containerDir, chain, topLayers, mapping) {
      if ((await variant(mapping)).kind === "idmapped") {
        return { lowerDirs: [...topLayers, ...chain.map(paths.layerFiles)], mapped: await ownersOf(mapping) };
      }
      await noteHostOwners(containerDir, mapping);
      const own = await copyTopLayers(native, join(containerDir, "top"), topLayers, mapping);
      const copies: string[] = [];
      for (const chainId of chain) copies.push(await chowned(chainId, mapping));
      return { lowerDirs: [...own, ...copies] };
    },
  };
}

/** They are small, and differ from container to container: the driver's mount points and library cache. */
async function copyTopLayers(native: Native, folder: string, layers: readonly string[], mapping: IdMapping): Promise<string[]> {
  await rm(folder, { recursive: true, force: true });
  const copies = layers.map((_, index) => join(folder, String(index)));
  for (const [index, layer] of layers.entries()) {
    await mkdir(copies[index] as string, { recursive: true, mode: 0o700 });
    await copyLayer(native, layer, copies[index] as string, (metadata) => toHostOwners(metadata, mapping));
  }
  return copies;
}
