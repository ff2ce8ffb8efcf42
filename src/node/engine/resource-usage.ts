import type { ResourceUsage } from "../../shared/domain/index.ts";
import type { CgroupUsage } from "../platform/index.ts";

/** What the cgroup told, in the words of a job. GPU memory is not the cgroup's to know: the agent adds it from NVML. */
export function toResourceUsage(usage: CgroupUsage | null): ResourceUsage | null {
  if (usage === null) return null;
  return { cpuSeconds: usage.cpuSeconds, peakMemoryBytes: usage.peakMemoryBytes, peakGpuMemoryBytes: null };
}
