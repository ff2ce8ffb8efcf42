import type { Container } from "../engine/index.ts";
import type { NvmlSample } from "../platform/index.ts";

export interface GpuMemoryPeaks {
  observe(samples: readonly NvmlSample[]): void;
  /** Bytes; null for a container without GPUs, or never looked at. */
  peakOf(containerId: string): number | null;
}

/**
 * The most GPU memory that each container was seen to use, over all its GPUs at one moment. Readings are taken every second: a
 * shorter peak is missed, and after a restart of the agent it is the peak since then.
 */
export function createGpuMemoryPeaks(containers: () => readonly Pick<Container, "id" | "state" | "gpuUuids">[]): GpuMemoryPeaks {
  const peaks = new Map<string, number>();
  return {
    observe(samples) {
      const present = containers();
      const running = present.filter(({ state }) => state === "running");
      for (const { id, gpuUuids } of running) {
        // What several containers use of one GPU is told in one sum.
        if (gpuUuids.length === 0 || running.some((other) => other.id !== id && other.gpuUuids.some((uuid) => gpuUuids.includes(uuid))))
          continue;
        const used = samples.filter(({ uuid }) => gpuUuids.includes(uuid)).map(usedBytes);
        if (used.length === gpuUuids.length) peaks.set(id, Math.max(peaks.get(id) ?? 0, sum(used)));
      }
      for (const id of peaks.keys()) if (!present.some((container) => container.id === id)) peaks.delete(id);
    },
    peakOf: (containerId) => peaks.get(containerId) ?? null,
  };
}

/** By its processes, as the driver keeps some memory of every GPU for itself; where it names none, what is taken in all. */
function usedBytes({ processes, memoryUsedBytes }: NvmlSample): number {
  const bytes = processes?.map((process) => process.usedBytes) ?? [];
  const known = bytes.filter((value) => value !== null);
  return bytes.length > 0 && known.length === bytes.length ? sum(known) : memoryUsedBytes;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
