import type { Gpu, ResourceRequest } from "../../../shared/domain/index.ts";
import type { NodeCapacity } from "../snapshot.ts";
import { unmetCondition, unmetRequirement } from "./gpu-conditions.ts";
import type { Request } from "./request.ts";

/** Whether this GPU may serve the request: healthy, of the model, large enough, new enough, and not known to fail this job. */
export function gpuFits(gpu: Gpu, node: NodeCapacity, request: Request): boolean {
  return gpu.healthy && gpuSuits(gpu, node, request);
}

/** As `gpuFits`, were the GPU healthy. */
export function gpuSuits(gpu: Gpu, node: NodeCapacity, { resources, job, avoidedGpus }: Request): boolean {
  return (
    mpsAllows(node, resources) &&
    modelMatches(gpu, resources) &&
    gpuMemoryFits(gpu, resources) &&
    avoidedGpus?.has(gpu.uuid) !== true &&
    unmetCondition(gpu, node, resources.gpuConditions) === null &&
    unmetRequirement(gpu, node, job.imageRequirements) === null
  );
}

/** Whether the node can share a GPU in the way that is asked. */
export function mpsAllows({ withoutMps }: Pick<NodeCapacity, "withoutMps">, { gpuShare }: Pick<ResourceRequest, "gpuShare">): boolean {
  return withoutMps !== true || gpuShare?.sharing !== "mps";
}

/** The asked text is a part of the model's name, in any case: "h100" is in "NVIDIA H100 80GB HBM3". */
export function modelMatches(gpu: Gpu, { gpuModel }: ResourceRequest): boolean {
  return gpuModel === null || gpu.model.toLowerCase().includes(gpuModel.toLowerCase());
}

/** By the memory of the whole GPU, bounds included; whether a part of it is left, shares count by themselves. */
export function gpuMemoryFits(gpu: Gpu, { gpuMemoryBytes, gpuMemoryMaxBytes }: ResourceRequest): boolean {
  return (
    (gpuMemoryBytes === null || gpu.memoryBytes >= gpuMemoryBytes) &&
    (gpuMemoryMaxBytes === undefined || gpu.memoryBytes <= gpuMemoryMaxBytes)
  );
}
