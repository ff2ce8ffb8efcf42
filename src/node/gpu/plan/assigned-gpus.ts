import { BerthError, type Gpu, type MigDevice } from "../../../shared/domain/index.ts";
import type { GpuInventory } from "../types.ts";

export interface AssignedGpu {
  gpu: Gpu;
  /** What was assigned: the GPU, or MIG devices of it. */
  uuids: string[];
  /** All of them for a whole GPU in MIG mode, whose own node opens nothing. */
  migDevices: MigDevice[];
}

/**
 * In NVML's order (PCI bus), whatever order the assignment has, so that CUDA's device 0 is the first of the list.
 * @throws BerthError gpu_unavailable when one is unknown or not healthy
 */
export function assignedGpus(inventory: GpuInventory, uuids: readonly string[]): AssignedGpu[] {
  const wanted = [...new Set(uuids)];
  if (wanted.length === 0) throw new BerthError("gpu_unavailable", "no GPU is assigned");
  const gpus = [...new Set(wanted.map((uuid) => healthyGpu(inventory, uuid)))].sort((a, b) => a.index - b.index);
  return gpus.map((gpu) => partOf(gpu, wanted));
}

function healthyGpu(inventory: GpuInventory, uuid: string): Gpu {
  const gpu = inventory.gpus.find((candidate) => candidate.uuid === uuid || migDevices(candidate).some((device) => device.uuid === uuid));
  if (!gpu) throw new BerthError("gpu_unavailable", `this node has no GPU ${uuid}`);
  if (!gpu.healthy) throw new BerthError("gpu_unavailable", `GPU ${uuid} is not healthy: ${gpu.problem ?? "no reason given"}`);
  return gpu;
}

function partOf(gpu: Gpu, wanted: readonly string[]): AssignedGpu {
  if (wanted.includes(gpu.uuid)) return { gpu, uuids: [gpu.uuid], migDevices: migDevices(gpu) };
  const devices = migDevices(gpu).filter((device) => wanted.includes(device.uuid));
  return { gpu, uuids: devices.map((device) => device.uuid), migDevices: devices };
}

/** Of a GPU out of MIG mode there are none, whatever was seen before. */
function migDevices(gpu: Gpu): MigDevice[] {
  return gpu.mig?.enabled === true ? gpu.mig.devices : [];
}
