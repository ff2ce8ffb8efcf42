import { WHOLE_GPU_MILLIS } from "../../../shared/domain/index.ts";
import type { FreeNode } from "../feasible/free-capacity.ts";
import { roomyGpus } from "../feasible/gpu-units.ts";
import type { Request } from "../feasible/request.ts";
import { type SharedGpu, usableMillis } from "../feasible/shared-gpu.ts";
import { type NodeWorth, placeCost } from "./least-worth-lost.ts";
import type { ShareWorth } from "./share-prices.ts";

/** The GPU of a node that a share costs least on, and what it costs there, in GPUs. */
export interface SharePlace {
  gpu: SharedGpu;
  cost: number;
}

/**
 * By the placement simulator's measure: what the leftover is worth to the shares that are expected, before and after. A GPU
 * that nobody holds is broken up only where no shared one is as good. Undefined where there is no room.
 */
export function cheapestShare(entry: FreeNode, request: Request, node: NodeWorth, worth: ShareWorth): SharePlace | undefined {
  const { gpuShare } = request.resources;
  if (gpuShare === undefined) return undefined;
  let best: SharePlace | undefined;
  for (const gpu of roomyGpus(entry, request)) {
    const left = usableMillis(gpu);
    // By memory more may be taken than by thousandths.
    const after = Math.max(0, left - millisTaken(gpu, gpuShare));
    const lost = (worth[left] ?? 0) - (worth[after] ?? 0);
    const cost = placeCost(node, lost, request.resources.cpuMillis, after / WHOLE_GPU_MILLIS);
    if (best === undefined || cost < best.cost) best = { gpu, cost };
  }
  return best;
}

function millisTaken({ gpu }: SharedGpu, { millis, memoryBytes }: NonNullable<Request["resources"]["gpuShare"]>): number {
  if (memoryBytes === null || gpu.memoryBytes === 0) return millis;
  return Math.max(millis, Math.ceil((WHOLE_GPU_MILLIS * memoryBytes) / gpu.memoryBytes));
}
