import { type GpuShare, WHOLE_GPU_MILLIS } from "../../shared/domain/index.ts";

/**
 * What a program is told of its part of a GPU. The driver enforces none of it: BERTH_GPU_MEMORY_BYTES is for programs that
 * limit themselves, XLA's variable keeps JAX from taking three quarters of the GPU at its start (JAX documentation, "GPU
 * memory allocation"), unless the job sets its own.
 */
export function shareEnvironment(share: GpuShare | undefined, own: Readonly<Record<string, string>>): Record<string, string> {
  if (share === undefined) return {};
  const { millis, memoryBytes, gpuMemoryBytes } = share;
  const part = Math.floor((100 * memoryBytes) / Math.max(1, gpuMemoryBytes)) / 100;
  return {
    BERTH_GPU_SHARE: String(millis / WHOLE_GPU_MILLIS),
    BERTH_GPU_MEMORY_BYTES: String(memoryBytes),
    XLA_PYTHON_CLIENT_MEM_FRACTION: own["XLA_PYTHON_CLIENT_MEM_FRACTION"] ?? String(part),
  };
}
