import { BerthError } from "../../../shared/domain/index.ts";
import type { Snapshots } from "../../images/index.ts";
import type { IdMapping, Native, NativeRoot } from "../../platform/index.ts";
import { type ResolvedUser, readUser } from "../../runtime/index.ts";

export interface MountedRootfs {
  rootfs: string;
  user: ResolvedUser;
}

/** Mounts the layers and looks up in them what the spec needs. @throws BerthError image_invalid for an unknown user */
export async function mountRootfs(work: {
  native: Native;
  snapshots: Snapshots;
  dir: string;
  chainIds: string[];
  topLayers: string[];
  writableBytes: number | null;
  idMapping: IdMapping | null;
  user: string;
  cwd: string;
}): Promise<MountedRootfs> {
  const { dir, chainIds, topLayers, writableBytes, idMapping } = work;
  const { rootfs } = await work.snapshots.mount(dir, chainIds, { topLayers, writableBytes, idMapping });
  // In a mapped rootfs the host's root has no id to own anything by: there the runtime makes the folder, as the container's root.
  return { rootfs, user: await prepareRootfs(work.native, rootfs, work.user, idMapping === null ? work.cwd : "/") };
}

/** Resolves the user and makes the working directory, both through the root handle. */
export async function prepareRootfs(native: Native, rootfs: string, user: string, cwd: string): Promise<ResolvedUser> {
  const root = await native.openRoot(rootfs);
  try {
    await refuseLinkedMountPoints(root);
    const [resolved] = await Promise.all([readUser(root, user), makeFolder(root, cwd)]);
    return resolved;
  } finally {
    root.close();
  }
}

/**
 * Runtimes write links like /dev/fd into the folder behind /dev, and runc 1.1.5 follows a link in place of it out of the rootfs:
 * the host would get them.
 */
async function refuseLinkedMountPoints(root: NativeRoot): Promise<void> {
  for (const name of ["dev", "proc", "sys"]) {
    const entry = await root.stat(name);
    if (entry !== null && entry.kind !== "directory")
      throw new BerthError("image_invalid", `/${name} of the image is a ${entry.kind}, not a folder`);
  }
}

/** Docker makes a missing working directory, root's and 0755. */
async function makeFolder(root: NativeRoot, path: string): Promise<void> {
  const segments = path.split("/").filter((segment) => segment !== "");
  for (let depth = 1; depth <= segments.length; depth++) {
    await root.mkdir(segments.slice(0, depth).join("/"), 0o755).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}
