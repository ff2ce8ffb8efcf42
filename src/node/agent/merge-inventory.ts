import type { Gpu } from "../../shared/domain/index.ts";
import type { GpuInventory } from "../gpu/index.ts";

/**
 * A GPU that was there and is not found any more (it fell off the bus, the driver hangs) is kept as unhealthy: a job may
 * still hold it, and a smaller machine would look like a wish.
 */
export function mergeInventory(before: GpuInventory, found: GpuInventory): GpuInventory {
  const missing = before.gpus.filter((gpu) => !found.gpus.some((other) => other.uuid === gpu.uuid));
  return { ...found, simulated: found.simulated || before.simulated, gpus: [...found.gpus, ...missing.map((gpu) => unhealthy(gpu, "the driver does not list it any more"))] };
}

/** The driver gave no answer at all: the last known GPUs, none to be trusted. */
export function silentInventory(before: GpuInventory, problem: string): GpuInventory {
  return { ...before, gpus: before.gpus.map((gpu) => unhealthy(gpu, problem)) };
}

function unhealthy(gpu: Gpu, problem: string): Gpu {
  return { ...gpu, healthy: false, problem };
}
