import { readdir, readFile, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../../platform/index.ts";
import { LAYERS_FOLDER } from "./prepare-driver-layer.ts";

/**
 * Removes the driver layers below `stateDir` that no mounted overlay is made of, in any mount namespace of this machine, and what a
 * crash has left half laid. Call it before the first layer is prepared. Resolves to the names removed.
 */
export async function removeUnusedLayers(stateDir: string): Promise<string[]> {
  const home = join(stateDir, LAYERS_FOLDER);
  const names = await namesIn(home);
  if (names.length === 0) return [];
  const mounts = await allMounts();
  const unused = names.filter((name) => !mounts.some((text) => text.includes(`${LAYERS_FOLDER}/${name}`)));
  for (const name of unused) await rm(join(home, name), { recursive: true, force: true });
  if (unused.length > 0) await syncFolder(home);
  return unused;
}

/** The mount table of each mount namespace once. A process that ends meanwhile takes nothing with it: its mounts go too. */
async function allMounts(): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const seen = new Map<string, string>();
  for (const pid of pids) {
    const namespace = await orGone(mountNamespace(pid));
    if (namespace !== null && !seen.has(namespace)) {
      const text = await orGone(readFile(`/proc/${pid}/mountinfo`, "utf8"));
      if (text !== null) seen.set(namespace, text);
    }
  }
  return [...seen.values()];
}

/** A process with capabilities that we lack does not let us name its namespace; its mount table can be read all the same. */
async function mountNamespace(pid: string): Promise<string> {
  try {
    return await readlink(`/proc/${pid}/ns/mnt`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EACCES") return `of process ${pid}`;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return (await orGone(readdir(folder))) ?? [];
}

async function orGone<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ESRCH" || code === "EINVAL") return null;
    throw error;
  }
}
