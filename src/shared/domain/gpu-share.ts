import type { ResourceRequest } from "./job-spec.ts";

/** How the jobs on one GPU share it: they take turns (the driver's own way), or run at once as clients of one MPS server. */
export type GpuSharing = "time-slice" | "mps";

/** The part of one GPU that a replica asks for. */
export interface GpuShareRequest {
  /** Thousandths of the GPU, 1..999. */
  millis: number;
  /** Of the GPU's memory; null is the same part of it as `millis`. */
  memoryBytes: number | null;
  sharing: GpuSharing;
}

/** The part of one GPU that a replica holds. */
export interface GpuShare {
  millis: number;
  memoryBytes: number;
  /** All of the GPU's memory: what the shares on it must not exceed together. */
  gpuMemoryBytes: number;
  sharing: GpuSharing;
  /** The node's operator lets jobs of other projects onto the same GPU. Absent is no. */
  acrossProjects?: true;
}

export const WHOLE_GPU_MILLIS = 1000;

/** Node label by which an operator lets jobs of different projects share one GPU. */
export const SHARING_LABEL = "berth.gpu-sharing";
export const ACROSS_PROJECTS = "across-projects";

/** What of a GPU's memory the share takes. */
export function shareMemory({ millis, memoryBytes }: Pick<GpuShareRequest, "millis" | "memoryBytes">, gpuMemoryBytes: number): number {
  return memoryBytes ?? Math.floor((gpuMemoryBytes * millis) / WHOLE_GPU_MILLIS);
}

/**
 * GPUs that a replica counts as in quotas, shares and listings: 0.5 for half a GPU, 2/7 for a MIG device with two of a GPU's
 * seven slices.
 */
export function gpusCounted({ gpus, gpuShare, migProfile }: Pick<ResourceRequest, "gpus" | "gpuShare" | "migProfile">): number {
  if (gpuShare !== undefined) return (gpus * gpuShare.millis) / WHOLE_GPU_MILLIS;
  return migProfile === undefined ? gpus : gpus * migPart(migProfile);
}

const MIG_SLICES = 7;

/** "2g.20gb" -> 2/7, "1c.2g.20gb" -> 1/7 (NVIDIA MIG user guide, "Device naming"). */
export function migPart(profile: string): number {
  return (
    Number(
      /^(?:(\d)c\.)?(\d)g\./
        .exec(profile)
        ?.slice(1)
        .find((digits) => digits !== undefined) ?? MIG_SLICES,
    ) / MIG_SLICES
  );
}

/** How many GPUs, for people: at most three decimals, and "0" for none. */
export function gpuCountText(gpus: number): string {
  return String(Math.round(gpus * 1000) / 1000);
}
