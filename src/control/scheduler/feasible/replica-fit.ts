import type { Gpu, ResourceRequest } from "../../../shared/domain/index.ts";
import type { NodeCapacity } from "../snapshot.ts";
import type { FreeNode } from "./free-capacity.ts";
import { unmetCondition, unmetRequirement } from "./gpu-conditions.ts";
import type { Request } from "./request.ts";

/** Whether this GPU may serve the request: healthy, of the model, large enough, new enough, and not known to fail this job. */
export function gpuFits(gpu: Gpu, node: NodeCapacity, request: Request): boolean {
  return gpu.healthy && gpuSuits(gpu, node, request);
}

/** As `gpuFits`, were the GPU healthy. */
export function gpuSuits(gpu: Gpu, node: NodeCapacity, { resources, job, avoidedGpus }: Request): boolean {
  return (
    modelMatches(gpu, resources) &&
    gpuMemoryFits(gpu, resources) &&
    avoidedGpus?.has(gpu.uuid) !== true &&
    unmetCondition(gpu, node, resources.gpuConditions) === null &&
    unmetRequirement(gpu, node, job.imageRequirements) === null
  );
}

export function modelMatches(gpu: Gpu, { gpuModel }: ResourceRequest): boolean {
  return gpuModel === null || gpu.model.toLowerCase().includes(gpuModel.toLowerCase());
}

export function gpuMemoryFits(gpu: Gpu, { gpuMemoryBytes, gpuMemoryMaxBytes }: ResourceRequest): boolean {
  return (
    (gpuMemoryBytes === null || gpu.memoryBytes >= gpuMemoryBytes) &&
    (gpuMemoryMaxBytes === undefined || gpu.memoryBytes <= gpuMemoryMaxBytes)
  );
}

export function fittingGpus(entry: FreeNode, request: Request): Gpu[] {
  return request.resources.gpus === 0 ? [] : entry.gpus.filter((gpu) => gpuFits(gpu, entry.node, request));
}

/** Of these GPUs of the node. Where all of a node are alike, one look tells of all, and of every other node like it. */
export function countFittingGpus({ kind, node }: FreeNode, gpus: readonly Gpu[], request: Request): number {
  const first = gpus[0];
  if (first === undefined || request.resources.gpus === 0) return 0;
  if (kind === null || request.avoidedGpus !== null) return gpus.filter((gpu) => gpuFits(gpu, node, request)).length;
  let fits = request.kinds.get(kind);
  if (fits === undefined) {
    fits = gpuFits(first, node, request);
    request.kinds.set(kind, fits);
  }
  return fits ? gpus.length : 0;
}

/** How many replicas of the request the node has room for, at most `most` and the job's own `maxPerNode`. */
export function replicasThatFit(entry: FreeNode, request: Request, most: number): number {
  const { cpuMillis, memoryBytes, gpus } = request.resources;
  const limit = Math.min(most, request.maxPerNode);
  if (entry.gpus.length < gpus) return 0;
  const coarse = Math.min(limit, room(entry.cpuMillis, cpuMillis, limit), room(entry.memoryBytes, memoryBytes, limit));
  return coarse === 0 || gpus === 0 ? coarse : Math.min(coarse, room(countFittingGpus(entry, entry.gpus, request), gpus, limit));
}

function room(free: number, asked: number, most: number): number {
  return asked === 0 ? most : Math.max(0, Math.floor(free / asked));
}

/** How many replicas these nodes have room for together, at most `most`. All replicas ask the same, so counting is enough. */
export function roomFor(entries: readonly FreeNode[], request: Request, most: number): number {
  let found = 0;
  for (const entry of entries) {
    found += replicasThatFit(entry, request, most - found);
    if (found >= most) return most;
  }
  return found;
}
