import type { Gpu, ResourceRequest } from "../../../shared/domain/index.ts";
import type { FreeNode } from "./free-capacity.ts";

/** Whether this GPU may serve the request: healthy, of the model, large enough. */
export function gpuFits(gpu: Gpu, resources: ResourceRequest): boolean {
  return gpu.healthy && modelMatches(gpu, resources) && gpuMemoryFits(gpu, resources);
}

export function modelMatches(gpu: Gpu, { gpuModel }: ResourceRequest): boolean {
  return gpuModel === null || gpu.model.toLowerCase().includes(gpuModel.toLowerCase());
}

export function gpuMemoryFits(gpu: Gpu, { gpuMemoryBytes }: ResourceRequest): boolean {
  return gpuMemoryBytes === null || gpu.memoryBytes >= gpuMemoryBytes;
}

export function fittingGpus(entry: FreeNode, resources: ResourceRequest): Gpu[] {
  return resources.gpus === 0 ? [] : entry.gpus.filter((gpu) => gpuFits(gpu, resources));
}

/** How many replicas of the request the node has room for, at most `most`. */
export function replicasThatFit(entry: FreeNode, resources: ResourceRequest, most: number): number {
  const room = (free: number, asked: number) => (asked === 0 ? most : Math.max(0, Math.floor(free / asked)));
  const cpus = room(entry.cpuMillis, resources.cpuMillis);
  const memory = room(entry.memoryBytes, resources.memoryBytes);
  const coarse = Math.min(most, cpus, memory);
  return coarse === 0 || resources.gpus === 0 ? coarse : Math.min(coarse, room(fittingGpus(entry, resources).length, resources.gpus));
}

/** True when the whole gang fits on these nodes together. All its replicas ask the same, so counting is enough. */
export function gangFits(entries: readonly FreeNode[], resources: ResourceRequest, replicas: number): boolean {
  let left = replicas;
  for (const entry of entries) {
    left -= replicasThatFit(entry, resources, left);
    if (left === 0) return true;
  }
  return false;
}
