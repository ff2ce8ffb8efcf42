import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, stat, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errorText } from "../../../../shared/domain/index.ts";
import { readMounts } from "../../host/mounts.ts";
import type { Native } from "../../native.ts";
import { runProgram } from "../../process/run-program.ts";
import type { DiskFacts, OverlayFacts } from "../machine-facts.ts";

/** The folder itself, or the nearest parent that exists: doctor looks before anything is made. */
export async function nearestFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const isFolder = await stat(folder).then(
      (entry) => entry.isDirectory(),
      () => false,
    );
    if (isFolder || folder === dirname(folder)) return folder;
  }
}

/**
 * Makes, and takes away again, a folder in `folder` to try what its file system can; null where that was not possible.
 * Bytes.
 */
export async function readDisk(folder: string, native: Pick<Native, "openRoot"> | null): Promise<DiskFacts> {
  const [space, mounts] = await Promise.all([statfs(folder), readMounts()]);
  const probe = await withProbeFolder(folder, async (path) => ({
    directoryTypes: await tellsTypes(path),
    trustedXattrs: await hasTrustedXattrs(path, native),
  }));
  return {
    path: folder,
    fsType: fsTypeOf(folder, mounts),
    inUse: existsSync(join(folder, "blobs")),
    freeBytes: space.bavail * space.bsize,
    totalBytes: space.blocks * space.bsize,
    freeInodes: space.files > 0 ? space.ffree : null,
    directoryTypes: probe?.directoryTypes ?? null,
    trustedXattrs: probe?.trustedXattrs ?? null,
  };
}

/** A real mount over the file system that will hold the containers, in a mount namespace that ends with the test. */
export async function probeOverlay(folder: string, isRoot: boolean): Promise<OverlayFacts["mount"]> {
  if (!isRoot) return null;
  const result = await withProbeFolder(folder, async (path) => {
    for (const name of ["lower", "upper", "work", "merged"]) await mkdir(join(path, name));
    const options = `lowerdir=${path}/lower,upperdir=${path}/upper,workdir=${path}/work`;
    const { code, stderr } = await runProgram(
      "unshare",
      ["--mount", "--propagation", "private", "mount", "-t", "overlay", "overlay", "-o", options, `${path}/merged`],
      { timeoutMs: 10_000 },
    );
    return { ok: code === 0, message: stderr.trim().split("\n")[0] ?? "" };
  });
  return result ?? null;
}

/** Null when the folder cannot be written: without root or with a full disk that is no finding. */
async function withProbeFolder<T>(folder: string, probe: (path: string) => Promise<T>): Promise<T | null> {
  let path: string | null = null;
  try {
    path = await mkdtemp(join(folder, ".berth-doctor-"));
    return await probe(path);
  } catch (error) {
    if (["EACCES", "EPERM", "EROFS", "ENOSPC"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  } finally {
    if (path !== null) await rm(path, { recursive: true, force: true });
  }
}

async function tellsTypes(path: string): Promise<boolean> {
  await writeFile(join(path, "file"), "");
  const [entry] = await readdir(path, { withFileTypes: true });
  return entry?.isFile() ?? false;
}

async function hasTrustedXattrs(path: string, native: Pick<Native, "openRoot"> | null): Promise<boolean | null> {
  if (native === null || process.geteuid?.() !== 0) return null;
  const root = await native.openRoot(path);
  try {
    const metadata = { uid: 0, gid: 0, mode: 0o600, mtimeNs: 0n, xattrs: { "trusted.overlay.berth": Buffer.from("y") } };
    await root.setMetadata("file", metadata);
    return true;
  } catch (error) {
    if (/ENOTSUP|EOPNOTSUPP|EPERM/.test((error as NodeJS.ErrnoException).code ?? errorText(error))) return false;
    throw error;
  } finally {
    root.close();
  }
}

/** The file system type of the mount that holds a path: the longest mount point that is its parent, the last one mounted there. */
function fsTypeOf(path: string, mounts: readonly { mountPoint: string; fsType: string }[]): string {
  const holding = mounts.filter(({ mountPoint }) => mountPoint === "/" || path === mountPoint || path.startsWith(`${mountPoint}/`));
  return holding.reduce((best, mount) => (mount.mountPoint.length >= best.mountPoint.length ? mount : best), {
    mountPoint: "",
    fsType: "unknown",
  }).fsType;
}
