import type { Gpu } from "../../../shared/domain/index.ts";
import type { FreeNode } from "./free-capacity.ts";
import { gpuFits } from "./gpu-fit.ts";
import { fittingMigDevices, partsThatFit, roomyGpus, unitsOf } from "./gpu-units.ts";
import { portsAllow } from "./held-ports.ts";
import type { Request } from "./request.ts";

/** What a replica could take now: free GPUs, GPUs with room for its part, or free MIG devices. */
export function fittingGpus(entry: FreeNode, request: Request): Gpu[] {
  if (request.units === "shares") return roomyGpus(entry, request).map(({ gpu }) => gpu);
  if (request.units === "mig") return fittingMigDevices(entry, request);
  return request.resources.gpus === 0 ? [] : entry.gpus.filter((gpu) => gpuFits(gpu, entry.node, request));
}

/** Of these GPUs of the node. Where all of a node are alike, one look tells of all, and of every other node like it. */
export function countFittingGpus({ kind, node }: FreeNode, gpus: readonly Gpu[], request: Request): number {
  const first = gpus[0];
  if (first === undefined || request.resources.gpus === 0) return 0;
  if (kind === null || request.avoidedGpus !== null || request.units === "mig")
    return gpus.filter((gpu) => gpuFits(gpu, node, request)).length;
  let fits = request.kinds.get(kind);
  if (fits === undefined) {
    fits = gpuFits(first, node, request);
    request.kinds.set(kind, fits);
  }
  return fits ? gpus.length : 0;
}

/** False when the node, were it empty, could not run a replica; in doubt true. */
export function mayServe(entry: FreeNode, request: Request): boolean {
  const { gpus } = request.resources;
  if (gpus === 0) return true;
  if (request.units !== "gpus") return unitsOf(entry.node, request.resources).some((unit) => gpuFits(unit, entry.node, request));
  const known = entry.kind === null ? undefined : request.kinds.get(entry.kind);
  return known ?? countFittingGpus(entry, entry.node.gpus, request) >= gpus;
}

/** How many replicas of the request the node has room for, at most `most` and the job's own `maxPerNode`. */
export function replicasThatFit(entry: FreeNode, request: Request, most: number): number {
  const { cpuMillis, memoryBytes, gpus } = request.resources;
  const limit = Math.min(most, request.maxPerNode, portsAllow(entry, request.resources));
  if (limit === 0) return 0;
  if (request.units === "gpus" && entry.gpus.length < gpus) return 0;
  const coarse = Math.min(limit, room(entry.cpuMillis, cpuMillis, limit), room(entry.memoryBytes, memoryBytes, limit));
  if (request.units !== "gpus") return coarse === 0 ? 0 : Math.min(coarse, partsThatFit(entry, request, coarse));
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
