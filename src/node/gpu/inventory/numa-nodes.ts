import { readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * NUMA node by PCI bus id as NVML writes it ("00000000:1B:00.0"); what sysfs does not know, or knows as -1, is left out.
 * `hostRoot`: where the host's /sys lies, "/" on a normal machine.
 */
export async function readNumaNodes(hostRoot: string, pciBusIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const nodes = new Map<string, number>();
  for (const pciBusId of new Set(pciBusIds)) {
    const node = await readNumaNode(hostRoot, pciBusId);
    if (node !== null) nodes.set(pciBusId, node);
  }
  return nodes;
}

async function readNumaNode(hostRoot: string, pciBusId: string): Promise<number | null> {
  const name = sysfsName(pciBusId);
  if (name === null) return null;
  const text = await readFile(join(hostRoot, "sys/bus/pci/devices", name, "numa_node"), "utf8").catch((error: NodeJS.ErrnoException) => {
    // What cannot be read tells nothing; placement works without it.
    if (error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "EACCES") return "";
    throw error;
  });
  const node = /^\d+\s*$/.test(text) ? Number(text) : -1;
  return node >= 0 ? node : null;
}

/** NVML pads the domain to eight digits, the kernel to four. */
function sysfsName(pciBusId: string): string | null {
  const match = /^([0-9a-f]{4,8}):([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/.exec(pciBusId.toLowerCase());
  if (!match) return null;
  return `${Number.parseInt(match[1] as string, 16)
    .toString(16)
    .padStart(4, "0")}:${match[2]}`;
}
