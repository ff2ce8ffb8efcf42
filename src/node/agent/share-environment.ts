import { type GpuShare, WHOLE_GPU_MILLIS } from "../../shared/domain/index.ts";

/**
 * What a program is told of its part of a GPU. In time slices the driver enforces none of it: BERTH_GPU_MEMORY_BYTES is for programs that
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
    ...(share.sharing === "mps" ? mpsLimits(share) : {}),
  };
}

/** What the MPS server enforces on its client (NVIDIA, "Multi-Process Service", "Environment Variables"). Device 0: it sees but one. */
function mpsLimits({ millis, memoryBytes }: GpuShare): Record<string, string> {
  return {
    CUDA_MPS_ACTIVE_THREAD_PERCENTAGE: String(Math.max(1, Math.floor((100 * millis) / WHOLE_GPU_MILLIS))),
    CUDA_MPS_PINNED_DEVICE_MEM_LIMIT: `0=${Math.max(1, Math.floor(memoryBytes / 2 ** 20))}M`,
  };
}
