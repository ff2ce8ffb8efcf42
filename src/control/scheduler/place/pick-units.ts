import {
  type Assignment,
  type Gpu,
  type GpuShare,
  type GpuShareRequest,
  shareMemory,
  WHOLE_GPU_MILLIS,
} from "../../../shared/domain/index.ts";
import type { FreeNode } from "../feasible/free-capacity.ts";
import { fittingMigDevices, roomyGpus, sharesAcross } from "../feasible/gpu-units.ts";
import { fittingGpus } from "../feasible/replica-fit.ts";
import type { Request } from "../feasible/request.ts";
import { type SharedGpu, usableMillis } from "../feasible/shared-gpu.ts";
import type { MigUnit } from "../snapshot.ts";
import { pickGpus } from "./pick-gpus.ts";

/** The GPUs, the part of one, or the MIG devices that a replica gets of a node with room for it. */
export function pickUnits(entry: FreeNode, request: Request): Pick<Assignment, "gpuUuids" | "gpuShare"> {
  const { gpus, gpuShare } = request.resources;
  if (gpuShare !== undefined) return pickShare(entry, request, gpuShare);
  const units =
    request.units === "mig" ? pickDevices(fittingMigDevices(entry, request), entry, gpus) : pickGpus(fittingGpus(entry, request), gpus);
  return { gpuUuids: units.map(({ uuid }) => uuid) };
}

function pickShare(entry: FreeNode, request: Request, share: GpuShareRequest): Pick<Assignment, "gpuUuids" | "gpuShare"> {
  const chosen = (request.pickShare?.(entry) ?? fullest(entry, request))?.gpu;
  return chosen === undefined ? { gpuUuids: [] } : { gpuUuids: [chosen.uuid], gpuShare: heldOf(chosen, share, entry) };
}

function heldOf({ memoryBytes: gpuMemoryBytes }: Gpu, share: GpuShareRequest, { node }: FreeNode): GpuShare {
  const across = sharesAcross(node, share.sharing) ? { acrossProjects: true as const } : {};
  return { millis: share.millis, memoryBytes: shareMemory(share, gpuMemoryBytes), gpuMemoryBytes, sharing: share.sharing, ...across };
}

/** Where no policy chooses: what only might be placed is asked where it fits, not what is best. */
function fullest(entry: FreeNode, request: Request): SharedGpu | undefined {
  let best: { one: SharedGpu; left: number } | undefined;
  for (const one of roomyGpus(entry, request)) {
    const left = one.holders.size === 0 ? WHOLE_GPU_MILLIS + 1 : usableMillis(one);
    if (best === undefined || left < best.left) best = { one, left };
  }
  return best?.one;
}

/** Devices of the GPUs with the fewest free ones first: GPUs that nobody uses can be split anew. */
function pickDevices(fitting: readonly MigUnit[], { migDevices }: FreeNode, gpus: number): MigUnit[] {
  const free = new Map<string, number>();
  for (const { gpuUuid } of migDevices) free.set(gpuUuid, (free.get(gpuUuid) ?? 0) + 1);
  const order = new Map(fitting.map((device, place) => [device, place]));
  const freeOf = ({ gpuUuid }: MigUnit) => free.get(gpuUuid) ?? 0;
  return [...fitting].sort((one, other) => freeOf(one) - freeOf(other) || (order.get(one) ?? 0) - (order.get(other) ?? 0)).slice(0, gpus);
}
