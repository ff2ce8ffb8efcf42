import { type Clock, errorText, type NodeFacts } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import type { GpuInventory } from "../gpu/index.ts";
import { type HostFacts, readDisk } from "./host-facts.ts";
import { mergeInventory, silentInventory } from "./merge-inventory.ts";

/** The newest facts, always at hand: a sync never waits for a disk or a driver. */
export interface NodeFactsSource {
  current(): NodeFacts;
  /** GPUs by UUID: true when healthy. */
  gpuHealth(): ReadonlyMap<string, boolean>;
  /** Asks the driver and the disk again until `signal` aborts. */
  keepFresh(onChange: () => void, signal: AbortSignal): Promise<void>;
}

export interface NodeFactsPort {
  host: HostFacts;
  /** "crun 1.8.1" */
  runtime: string;
  berthVersion: string;
  dataDir: string;
  /** Bounded in time by the gpu room: NVML can hang. */
  gpuInventory(): Promise<GpuInventory>;
  clock: Clock;
  log: Logger;
}

const GPU_MS = 5_000;
const DISK_MS = 30_000;

export async function openNodeFacts(port: NodeFactsPort): Promise<NodeFactsSource> {
  let disk = await readDisk(port.dataDir);
  let inventory = await port.gpuInventory();
  const lookAtGpus = async () => {
    inventory = await port.gpuInventory().then(
      (found) => mergeInventory(inventory, found),
      (error: unknown) => silentInventory(inventory, `the driver does not answer: ${errorText(error)}`),
    );
  };
  const healthNow = () => JSON.stringify(inventory.gpus.map((gpu) => [gpu.uuid, gpu.healthy]));
  return {
    current: () => ({ ...port.host, ...disk, ...gpuFacts(inventory), runtime: port.runtime, berthVersion: port.berthVersion }),
    gpuHealth: () => new Map(inventory.gpus.map((gpu) => [gpu.uuid, gpu.healthy])),
    async keepFresh(onChange, signal) {
      const gpus = every(port, GPU_MS, signal, async () => {
        const before = healthNow();
        await lookAtGpus();
        if (healthNow() !== before) onChange();
      });
      const disks = every(port, DISK_MS, signal, async () => {
        disk = await readDisk(port.dataDir);
      });
      await Promise.all([gpus, disks]);
    },
  };
}

function gpuFacts(inventory: GpuInventory): Pick<NodeFacts, "driverVersion" | "cudaVersion" | "gpus" | "simulatedGpus"> {
  const { driverVersion, cudaVersion, gpus, simulated } = inventory;
  return { driverVersion, cudaVersion, gpus, simulatedGpus: simulated };
}

async function every(port: Pick<NodeFactsPort, "clock" | "log">, milliseconds: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await port.clock.sleep(milliseconds, signal).catch(() => undefined);
    if (signal.aborted) return;
    await work().catch((error: unknown) => port.log.warn({ err: error }, "facts could not be refreshed"));
  }
}
