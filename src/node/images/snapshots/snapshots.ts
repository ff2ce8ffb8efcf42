import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { BerthError, type Clock } from "../../../shared/domain/index.ts";
import { exists, type Native, type ReadableRoot } from "../../platform/index.ts";
import { makeContainerCopy, openContainerCopy } from "../copies/container-copy.ts";
import { createOwners } from "../owners/arrange-owners.ts";
import type { OwnersFacts } from "../owners/choose-variant.ts";
import { readHostOwners } from "../owners/owners-file.ts";
import { unmappedRoot } from "../owners/unmapped-root.ts";
import { type StorePaths, storePaths } from "../paths.ts";
import type { Snapshots } from "../types.ts";
import type { StorageDriver } from "./choose-driver.ts";
import { diffUpper } from "./diff-upper.ts";
import { isMounted, unmountAll } from "./unmount.ts";
import { makeWritableLayer, openUpper } from "./writable-layer.ts";

interface SnapshotOptions {
  /** The image store's data dir: where the unpacked layers are. */
  dataDir: string;
  native: Native;
  clock: Clock;
  /** How containers in user namespaces get files of their ids; "auto" when left out. */
  owners?: OwnersFacts["wanted"];
  /** "overlay2" when left out. */
  driver?: StorageDriver;
}

/**
 * Overlay mounts at <containerDir>/rootfs with <containerDir>/{upper,work} on the same file system; or, by the driver vfs, copies of the layers at
 * <containerDir>/rootfs. What a container has is read from its folder, whichever driver made it.
 */
export function createSnapshots(options: SnapshotOptions): Snapshots {
  const { native, clock } = options;
  const paths = storePaths(options.dataDir);
  const unmount = (path: string) => unmountAll(native, clock, path);
  const owners = createOwners({ paths, native, clock, wanted: options.owners ?? "auto", unmount });
  const openOwnUpper = async (containerDir: string): Promise<ReadableRoot> => {
    const copy = await openContainerCopy(native, containerDir);
    if (copy !== null) return copy;
    const [root, mapping] = [await openUpper(native, containerDir), await readHostOwners(containerDir)];
    return mapping === null ? root : unmappedRoot(root, mapping);
  };
  return {
    async mount(containerDir, chainIds, { topLayers = [], writableBytes = null, idMapping = null } = {}) {
      if (options.driver === "vfs") {
        if (writableBytes !== null)
          throw new BerthError("invalid_request", "a storage limit needs overlayfs: this node copies images (vfs)");
        const image = (await chainOf(paths, chainIds)).map(paths.layerFiles);
        return { rootfs: await makeContainerCopy(native, containerDir, [...topLayers, ...image], image, idMapping) };
      }
      const places = { ...(await makePlaces(containerDir)), ...(await makeWritableLayer(containerDir, writableBytes, idMapping !== null)) };
      if (await isMounted(places.rootfs)) return { rootfs: places.rootfs };
      const chain = await chainOf(paths, chainIds);
      const { lowerDirs, mapped } =
        idMapping === null
          ? { lowerDirs: [...topLayers, ...chain.map(paths.layerFiles)] }
          : await owners.arrange(containerDir, chain, topLayers, idMapping);
      await inheritRoot(native, lowerDirs[topLayers.length] ?? places.empty, places.upper);
      if (chain.length === 0) lowerDirs.push(places.empty);
      const { upper, work, rootfs: target } = places;
      await native.mountOverlay({ lowerDirs, upper, work, target, ...(mapped === undefined ? {} : { mapped }) });
      return { rootfs: places.rootfs };
    },
    lowerDirs: async (chainIds) => (await chainOf(paths, chainIds)).map(paths.layerFiles),
    ownersVariant: (mapping) => owners.variant(mapping),
    async unmount(containerDir) {
      for (const name of ["rootfs", "writable"]) await unmount(join(containerDir, name));
    },
    openUpper: openOwnUpper,
    async diff(containerDir, diffOptions = {}): Promise<Readable> {
      return diffUpper(await openOwnUpper(containerDir), diffOptions);
    },
  };
}

async function makePlaces(containerDir: string) {
  const place = (name: string) => join(containerDir, name);
  const places = { rootfs: place("rootfs"), empty: place("empty") };
  for (const path of Object.values(places)) await mkdir(path, { recursive: true, mode: 0o700 });
  return places;
}

/** Top first. A layer that hides everything below it ends the stack. */
async function chainOf(paths: StorePaths, chainIds: readonly string[]): Promise<string[]> {
  const chain: string[] = [];
  for (const chainId of [...chainIds].reverse()) {
    if (!(await exists(paths.layer(chainId)))) throw new BerthError("image_not_found", `layer ${chainId} is not unpacked on this node`);
    chain.push(chainId);
    if (await exists(paths.layerOpaque(chainId))) break;
  }
  return chain;
}

/** The mount's root shows the upper folder's owner and mode: those must be the image's. */
async function inheritRoot(native: Native, from: string, to: string): Promise<void> {
  const [source, target] = [await native.openRoot(from), await native.openRoot(to)];
  try {
    const found = await source.stat("");
    if (found === null) return;
    await target.setMetadata("", { uid: found.uid, gid: found.gid, mode: found.mode, mtimeNs: found.mtimeNs, xattrs: {} });
  } finally {
    source.close();
    target.close();
  }
}
