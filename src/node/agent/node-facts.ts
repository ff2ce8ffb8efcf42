import { type Clock, type Gpu, heldLayers, type NodeFacts } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import type { GpuInventory } from "../gpu/index.ts";
import { readDiskSpace } from "../platform/index.ts";

/** What does not change while this agent runs. */
export type FixedFacts = Omit<
  NodeFacts,
  "diskFreeBytes" | "diskTotalBytes" | "driverVersion" | "cudaVersion" | "gpus" | "simulatedGpus" | "mps" | "imageLayers"
>;

/** The newest facts, always at hand: a sync never waits for a disk or a driver. */
export interface NodeFactsSource {
  current(): NodeFacts;
  /** Why the GPU driver could not be read; null when it could, or there is none. */
  gpuProblem(): string | null;
  /** GPUs and MIG devices by UUID: true when they may be given. */
  gpuHealth(): ReadonlyMap<string, boolean>;
  /** Asks the driver and the disk again until `signal` aborts; `onChange` when a GPU came, went, fell ill or recovered. */
  keepFresh(onChange: () => void, signal: AbortSignal): Promise<void>;
}

export interface NodeFactsPort {
  fixed: FixedFacts;
  dataDir: string;
  /** Bounded in time by the gpu room (NVML can hang), never rejects. */
  gpuInventory(): Promise<GpuInventory>;
  mpsInstalled(): Promise<boolean>;
  /** Layers of the images that are here. */
  imageLayers(): Promise<{ digest: string; size: number }[]>;
  /** Calls `onEvent` when the driver reports an error, until `signal` aborts. */
  watchGpus(onEvent: () => void, signal: AbortSignal): Promise<void>;
  clock: Clock;
  log: Logger;
}

const GPU_MS = 5_000;
const DISK_MS = 30_000;

/** Asks disk, images and driver once before it resolves; what `fixed` holds is taken as it is. */
export async function openNodeFacts(port: NodeFactsPort): Promise<NodeFactsSource> {
  let disk = await readDiskSpace(port.dataDir);
  let layers = heldLayers(await port.imageLayers());
  let inventory = await port.gpuInventory();
  let mps = await port.mpsInstalled();
  const health = () => new Map(inventory.gpus.flatMap(healthOf));
  const lookAtGpus = async (onChange: () => void) => {
    const before = JSON.stringify([...health(), mps]);
    [inventory, mps] = await Promise.all([port.gpuInventory(), port.mpsInstalled()]);
    if (JSON.stringify([...health(), mps]) !== before) onChange();
  };
  const lookAtDisk = async () => {
    disk = await readDiskSpace(port.dataDir);
    layers = heldLayers(await port.imageLayers());
  };
  return {
    current: () => ({
      ...port.fixed,
      diskFreeBytes: disk.freeBytes,
      diskTotalBytes: disk.totalBytes,
      ...gpuFacts(inventory, mps),
      ...(layers.length === 0 ? {} : { imageLayers: layers }),
    }),
    gpuProblem: () => inventory.problem,
    gpuHealth: health,
    async keepFresh(onChange, signal) {
      const lookNow = () => void lookAtGpus(onChange).catch((error: unknown) => port.log.warn({ err: error }, "GPUs could not be read"));
      const looks = [every(port, GPU_MS, signal, () => lookAtGpus(onChange)), every(port, DISK_MS, signal, lookAtDisk)];
      await Promise.all([...looks, port.watchGpus(lookNow, signal)]);
    },
  };
}

/** A GPU in MIG mode is given in devices, which are as healthy as it is. */
function healthOf({ uuid, healthy, mig }: Gpu): [string, boolean][] {
  if (mig?.enabled !== true) return [[uuid, healthy]];
  return [[uuid, false], ...mig.devices.map((device): [string, boolean] => [device.uuid, healthy])];
}

function gpuFacts(
  inventory: GpuInventory,
  mps: boolean,
): Pick<NodeFacts, "driverVersion" | "cudaVersion" | "gpus" | "simulatedGpus" | "mps"> {
  const { driverVersion, cudaVersion, gpus, simulated } = inventory;
  return { driverVersion, cudaVersion, gpus, simulatedGpus: simulated, ...(gpus.length === 0 ? {} : { mps }) };
}

async function every(
  port: Pick<NodeFactsPort, "clock" | "log">,
  milliseconds: number,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await port.clock.sleep(milliseconds, signal).catch(() => undefined);
    if (signal.aborted) return;
    await work().catch((error: unknown) => port.log.warn({ err: error }, "facts could not be refreshed"));
  }
}
