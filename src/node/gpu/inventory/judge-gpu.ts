import type { NvmlGpu } from "../../platform/index.ts";

/**
 * Why a GPU that answers must not be handed out; null when it may. A GPU that lacks a check (no ECC, an old driver) passes it.
 * Sources: NVIDIA "GPU Memory Error Management" (row remapping, ECC), DCGM health checks.
 */
export function judgeGpu({ error, remappedRows, ecc }: Pick<NvmlGpu, "error" | "remappedRows" | "ecc">): string | null {
  if (error !== null) return error;
  if (remappedRows?.failure) return "a memory row could not be remapped: no spare is left";
  if (remappedRows?.pending) return "a memory row waits to be remapped: the GPU needs a reset";
  const uncorrectable = ecc?.uncorrectable ?? 0;
  if (uncorrectable > 0) return `${uncorrectable} uncorrectable ECC error${uncorrectable === 1 ? "" : "s"} since the driver was loaded`;
  return null;
}
