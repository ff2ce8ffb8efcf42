import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

export interface FingerprintRoots {
  /** libnvidia-ml.so.1, links followed; null when there is none. */
  library: string | null;
  driverRoot: string;
  /** Where the host's /proc lies. */
  hostRoot: string;
}

/**
 * Changes when a GPU is plugged or unplugged, MIG instances are made, or the driver is upgraded: seen from outside, because an
 * opened NVML keeps telling of the GPUs and the driver it found when it was opened.
 */
export async function driverFingerprint({ library, driverRoot, hostRoot }: FingerprintRoots): Promise<string> {
  const proc = join(hostRoot, "proc/driver/nvidia");
  const parts = await Promise.all([
    library === null ? "" : identityOf(library),
    namesIn(join(driverRoot, "dev"), /^nvidia\d+$/),
    namesIn(join(driverRoot, "dev/nvidia-caps"), /./),
    namesIn(join(proc, "gpus"), /./),
    // Of MIG: the nodes of instances that are gone may stay, their entries here do not.
    namesBelow(join(proc, "capabilities")),
    readFile(join(proc, "version"), "utf8").catch(() => ""),
  ]);
  return JSON.stringify(parts);
}

/** A replaced file has another inode, whatever its name. */
async function identityOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  return found === null ? "" : [found.dev, found.ino, found.size, found.mtimeMs].join(":");
}

async function namesIn(folder: string, pattern: RegExp): Promise<string> {
  const names = await readdir(folder).catch((): string[] => []);
  return names
    .filter((name) => pattern.test(name))
    .sort()
    .join(" ");
}

/** Every path below a folder, sorted; [] where there is none. */
export async function namesBelow(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true }).catch((): string[] => [])).sort();
}
