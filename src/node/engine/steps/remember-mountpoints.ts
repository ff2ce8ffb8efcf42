import type { Native, NativeRoot } from "../../platform/index.ts";

/** What a runtime makes in the rootfs to mount on, deepest first. Below /dev and /proc it makes them in its own mounts. */
const MOUNTPOINTS = ["etc/hosts", "etc/hostname", "etc/resolv.conf", "etc", "dev", "proc", "sys"];

/**
 * Looks which mount points are missing and returns a function that removes those again which the runtime then made, if
 * nobody has used them: they must not become part of a layer. Everything goes through the root handle, and only empty
 * files and folders are removed: a step may have put a link in their place (CVE-2024-23652).
 */
export async function rememberMountpoints(native: Native, rootfs: string): Promise<() => Promise<void>> {
  const missing = await withRoot(native, rootfs, async (root) => {
    const found = await Promise.all(MOUNTPOINTS.map((path) => exists(root, path)));
    return MOUNTPOINTS.filter((_, index) => !found[index]);
  });
  return () =>
    withRoot(native, rootfs, async (root) => {
      for (const path of missing) {
        if (await isUnused(root, path)) await root.remove(path);
      }
    });
}

async function withRoot<T>(native: Native, rootfs: string, work: (root: NativeRoot) => Promise<T>): Promise<T> {
  const root = await native.openRoot(rootfs);
  try {
    return await work(root);
  } finally {
    root.close();
  }
}

async function exists(root: NativeRoot, path: string): Promise<boolean> {
  return (await statOrNull(root, path)) !== null;
}

async function isUnused(root: NativeRoot, path: string): Promise<boolean> {
  const found = await statOrNull(root, path);
  if (found?.kind === "file") return found.size === 0;
  return found?.kind === "directory" && (await root.list(path)).length === 0;
}

/** A parent that is a file, or a chain of links that ends nowhere, means: not there. */
async function statOrNull(root: NativeRoot, path: string) {
  return root.stat(path).catch((error: NodeJS.ErrnoException) => {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(error.code ?? "")) return null;
    throw error;
  });
}
