import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { BerthError, type Clock } from "../../../shared/domain/index.ts";
import { type Native, readMounts } from "../../platform/index.ts";
import { exists } from "../content/probe-path.ts";
import { errnoOf } from "../content/storage-error.ts";
import { type StorePaths, storePaths } from "../paths.ts";
import type { Snapshots } from "../types.ts";
import { diffUpper } from "./diff-upper.ts";
import { createMappedOwners } from "./mapped-owners.ts";
import { makeWritableLayer, openUpper } from "./writable-layer.ts";

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
/** A scanner or a process in its last breath may hold the mount for a moment. */
const BUSY_TRIES = 20;
const BUSY_WAIT_MS = 25;

interface SnapshotOptions {
  /** The image store's data dir: where the unpacked layers are. */
  dataDir: string;
  native: Native;
  clock: Clock;
}

/** Overlay mounts at <containerDir>/rootfs with <containerDir>/{upper,work} on the same file system. */
export function createSnapshots(options: SnapshotOptions): Snapshots {
  const { native, clock } = options;
  const paths = storePaths(options.dataDir);
  const ownersOf = createMappedOwners(native);
  return {
    async mount(containerDir, chainIds, { topLayers = [], writableBytes = null, idMapping = null } = {}) {
      const places = { ...(await makePlaces(containerDir)), ...(await makeWritableLayer(containerDir, writableBytes, idMapping !== null)) };
      if (await isMounted(places.rootfs)) return { rootfs: places.rootfs };
      const lowerDirs = await lowerDirsOf(paths, chainIds);
      if (lowerDirs.length === 0) lowerDirs.push(places.empty);
      await inheritRoot(native, lowerDirs[0] as string, places.upper);
      const mapped = idMapping === null ? {} : { mapped: await ownersOf(idMapping) };
      const { upper, work, rootfs: target } = places;
      await native.mountOverlay({ lowerDirs: [...topLayers, ...lowerDirs], upper, work, target, ...mapped });
      return { rootfs: places.rootfs };
    },
    lowerDirs: (chainIds) => lowerDirsOf(paths, chainIds),
    async unmount(containerDir) {
      for (const name of ["rootfs", "writable"]) await unmountAll(native, clock, join(containerDir, name));
    },
    openUpper: (containerDir) => openUpper(native, containerDir),
    async diff(containerDir, diffOptions = {}): Promise<Readable> {
      return diffUpper(await openUpper(native, containerDir), diffOptions);
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
async function lowerDirsOf(paths: StorePaths, chainIds: readonly string[]): Promise<string[]> {
  const dirs: string[] = [];
  for (const chainId of [...chainIds].reverse()) {
    if (!(await exists(paths.layer(chainId)))) throw new BerthError("image_not_found", `layer ${chainId} is not unpacked on this node`);
    dirs.push(paths.layerFiles(chainId));
    if (await exists(paths.layerOpaque(chainId))) break;
  }
  return dirs;
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

/** Unmounts until nothing is there: a crash between two mounts may have stacked them. Not mounted is fine. */
async function unmountAll(native: Native, clock: Clock, rootfs: string): Promise<void> {
  while (await isMounted(rootfs)) await unmountOnce(native, clock, rootfs);
}

async function unmountOnce(native: Native, clock: Clock, rootfs: string): Promise<void> {
  for (let tries = 0; tries < BUSY_TRIES; tries++) {
    try {
      return await native.unmount(rootfs, UMOUNT_NOFOLLOW);
    } catch (error) {
      if (errnoOf(error) === "EINVAL" || errnoOf(error) === "ENOENT") return;
      if (errnoOf(error) !== "EBUSY") throw error;
      await clock.sleep(BUSY_WAIT_MS);
    }
  }
  // Somebody's file is still open: take the name away now, the kernel frees the rest when the file is closed.
  await native.unmount(rootfs, UMOUNT_NOFOLLOW | MNT_DETACH);
}

async function isMounted(path: string): Promise<boolean> {
  return (await readMounts()).some(({ mountPoint }) => mountPoint === path);
}
