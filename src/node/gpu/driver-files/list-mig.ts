import { join } from "node:path";
import { nodeAt } from "./list-nodes.ts";
import type { ListedMigNode, ListedNode } from "./listing.ts";
import { namesIn, type RootView, textAt } from "./root-view.ts";

const CAPABILITIES = "proc/driver/nvidia/capabilities";

/**
 * The nodes that open MIG's GPU and compute instances. procfs says which of /dev/nvidia-caps is whose: gpu0/mig/gi1/access for GPU
 * instance 1 of minor 0, gpu0/mig/gi1/ci0/access for its compute instance 0 (NVIDIA MIG user guide, "Device Nodes and Capabilities").
 */
export async function listMigNodes(view: RootView): Promise<ListedMigNode[]> {
  const gpus = numbered(await namesIn(view, CAPABILITIES), "gpu");
  return (await Promise.all(gpus.map((gpuMinor) => nodesOfGpu(view, gpuMinor)))).flat();
}

async function nodesOfGpu(view: RootView, gpuMinor: number): Promise<ListedMigNode[]> {
  const folder = `gpu${gpuMinor}/mig`;
  const instances = numbered(await namesIn(view, join(CAPABILITIES, folder)), "gi");
  const found = instances.map(async (gpuInstance) => {
    const home = `${folder}/gi${gpuInstance}`;
    const parts = numbered(await namesIn(view, join(CAPABILITIES, home)), "ci");
    const own = access(view, home, { gpuMinor, gpuInstance, computeInstance: null });
    return Promise.all([own, ...parts.map((ci) => access(view, `${home}/ci${ci}`, { gpuMinor, gpuInstance, computeInstance: ci }))]);
  });
  return (await Promise.all(found)).flat().filter((entry) => entry !== null);
}

async function access(
  view: RootView,
  folder: string,
  whose: Pick<ListedMigNode, "gpuMinor" | "gpuInstance" | "computeInstance">,
): Promise<ListedMigNode | null> {
  const found = await capability(view, `${folder}/access`);
  return found?.node ? { ...whose, procFile: found.procFile, node: found.node } : null;
}

/** A right over every GPU of the machine, and the node that opens it; null while nobody has made it. */
export interface MigRight {
  procFile: string;
  node: ListedNode | null;
}

/** The rights to partition and to watch all GPUs; null where the driver knows no MIG. */
export async function listMigRights(view: RootView): Promise<{ config: MigRight | null; monitor: MigRight | null }> {
  const [config, monitor] = await Promise.all([capability(view, "mig/config"), capability(view, "mig/monitor")]);
  return { config, monitor };
}

/** "DeviceFileMinor: 12" is /dev/nvidia-caps/nvidia-cap12. */
async function capability(view: RootView, path: string): Promise<MigRight | null> {
  const text = await textAt(view, join(CAPABILITIES, path));
  const minor = /^DeviceFileMinor:\s*(\d+)$/m.exec(text ?? "")?.[1];
  if (minor === undefined) return null;
  return { procFile: `capabilities/${path}`, node: await nodeAt(view, `nvidia-caps/nvidia-cap${minor}`) };
}

/** The numbers of gi1, gi2, ..., in order. */
function numbered(names: readonly string[], prefix: string): number[] {
  const found = names.map((name) => new RegExp(`^${prefix}(\\d+)$`).exec(name)?.[1]).filter((digits) => digits !== undefined);
  return found.map(Number).sort((a, b) => a - b);
}
