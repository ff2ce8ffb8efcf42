import { type Gpu, type GpuShareRequest, type GpuSharing, shareMemory, WHOLE_GPU_MILLIS } from "../../../shared/domain/index.ts";
import { DEFAULT_PROJECT } from "../order/project-tree.ts";

/** A GPU that shares are held of. Never changed: a booking makes a new one, for cycles and copies of nodes may hold the old. */
export interface SharedGpu {
  gpu: Gpu;
  sharing: GpuSharing;
  /** What is left, thousandths and bytes. */
  millis: number;
  memoryBytes: number;
  /** Job id -> what its replicas hold. */
  holders: ReadonlyMap<string, SharePart>;
}

export interface SharePart {
  project: string;
  millis: number;
  memoryBytes: number;
}

export type SharedGpus = ReadonlyMap<string, SharedGpu>;

/** Stands for all nodes without shared GPUs. */
export const NO_SHARES: SharedGpus = new Map();

/** Who holds a share. */
export interface Holder {
  id: string;
  project?: string;
}

/** The GPU with one more share on it; `before` is null for a GPU that nobody holds. */
export function addShare(gpu: Gpu, before: SharedGpu | null, { id, project = DEFAULT_PROJECT }: Holder, share: GpuShareRequest): SharedGpu {
  const part = { project, millis: share.millis, memoryBytes: shareMemory(share, gpu.memoryBytes) };
  const left = before ?? untouched(gpu, share.sharing);
  const mine = left.holders.get(id) ?? { project, millis: 0, memoryBytes: 0 };
  return {
    ...left,
    millis: left.millis - part.millis,
    memoryBytes: left.memoryBytes - part.memoryBytes,
    holders: new Map(left.holders).set(id, {
      project,
      millis: mine.millis + part.millis,
      memoryBytes: mine.memoryBytes + part.memoryBytes,
    }),
  };
}

/** The GPU without one share of the job; null when nobody holds one any more. */
export function removeShare(before: SharedGpu, jobId: string, share: GpuShareRequest): SharedGpu | null {
  const mine = before.holders.get(jobId);
  if (mine === undefined) return before;
  const memoryBytes = shareMemory(share, before.gpu.memoryBytes);
  const holders = new Map(before.holders);
  if (mine.millis <= share.millis) holders.delete(jobId);
  else holders.set(jobId, { ...mine, millis: mine.millis - share.millis, memoryBytes: mine.memoryBytes - memoryBytes });
  if (holders.size === 0) return null;
  return { ...before, millis: before.millis + share.millis, memoryBytes: before.memoryBytes + memoryBytes, holders };
}

/** As a GPU that nobody holds yet. */
export function untouched(gpu: Gpu, sharing: GpuSharing): SharedGpu {
  return { gpu, sharing, millis: WHOLE_GPU_MILLIS, memoryBytes: gpu.memoryBytes, holders: new Map() };
}

/** Shares of this size that what is left of the GPU holds. */
export function sharesThatFit({ gpu, millis, memoryBytes }: SharedGpu, share: GpuShareRequest): number {
  const memory = shareMemory(share, gpu.memoryBytes);
  const byMemory = memory === 0 ? Number.POSITIVE_INFINITY : Math.floor(memoryBytes / memory);
  return Math.max(0, Math.min(Math.floor(millis / share.millis), byMemory));
}

/** Thousandths of the GPU that further shares can still use, whichever of GPU and memory is scarcer. */
export function usableMillis({ gpu, millis, memoryBytes }: SharedGpu): number {
  if (gpu.memoryBytes === 0) return Math.max(0, millis);
  return Math.max(0, Math.min(millis, Math.floor((WHOLE_GPU_MILLIS * memoryBytes) / gpu.memoryBytes)));
}
