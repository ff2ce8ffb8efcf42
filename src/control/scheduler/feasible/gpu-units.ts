import type { Gpu, GpuSharing, ResourceRequest } from "../../../shared/domain/index.ts";
import type { MigUnit, NodeCapacity } from "../snapshot.ts";
import type { FreeNode } from "./free-capacity.ts";
import { gpuFits } from "./gpu-fit.ts";
import type { Request } from "./request.ts";
import { type SharedGpu, sharesThatFit, untouched } from "./shared-gpu.ts";

/** What a request counts its `gpus` in. */
export type GpuUnits = "gpus" | "shares" | "mig";

/** A request is in one of them: the job schema refuses a part of a MIG device. */
export function unitsAsked({ gpuShare, migProfile }: ResourceRequest): GpuUnits {
  return gpuShare !== undefined ? "shares" : migProfile !== undefined ? "mig" : "gpus";
}

/** What of the node could be given to the request, whoever has it now: its GPUs, or its MIG devices of the profile. */
export function unitsOf(node: Pick<NodeCapacity, "gpus" | "migDevices">, { migProfile }: ResourceRequest): readonly Gpu[] {
  return migProfile === undefined ? node.gpus : (node.migDevices ?? []).filter(({ profile }) => profile === migProfile);
}

/** MIG devices of the profile that are free and serve the request. */
export function fittingMigDevices({ node, migDevices }: FreeNode, request: Request): MigUnit[] {
  return migDevices.filter((device) => device.profile === request.resources.migProfile && gpuFits(device, node, request));
}

/** GPUs that have room for one share of the request, those that are shared already first. */
export function roomyGpus(entry: FreeNode, request: Request): SharedGpu[] {
  const { gpuShare } = request.resources;
  if (gpuShare === undefined) return [];
  const free = entry.gpus.filter((gpu) => gpuFits(gpu, entry.node, request)).map((gpu) => untouched(gpu, gpuShare.sharing));
  const shared = [...entry.shared.values()].filter((one) => mayJoin(one, entry.node, request));
  return [...shared, ...free].filter((one) => sharesThatFit(one, gpuShare) > 0);
}

/** Whether a further share of the request may be on this GPU at all, however much of it is left. */
export function mayJoin({ gpu, sharing, holders }: SharedGpu, node: NodeCapacity, request: Request): boolean {
  if (sharing !== request.resources.gpuShare?.sharing || !gpuFits(gpu, node, request)) return false;
  return sharesAcross(node, sharing) || [...holders.values()].every(({ project }) => project === request.project);
}

/** Clients of one MPS server share memory with it and die of each other's faults: that is nothing for strangers. */
export function sharesAcross(node: NodeCapacity, sharing: GpuSharing): boolean {
  return node.sharesAcrossProjects === true && sharing === "time-slice";
}

/** How many times the request's GPU part finds room on the node, for shares and MIG devices. */
export function partsThatFit(entry: FreeNode, request: Request, most: number): number {
  const { gpus, gpuShare } = request.resources;
  if (gpuShare === undefined) return Math.floor(fittingMigDevices(entry, request).length / gpus);
  let found = 0;
  for (const one of roomyGpus(entry, request)) {
    found += sharesThatFit(one, gpuShare);
    if (found >= most) return most;
  }
  return found;
}
