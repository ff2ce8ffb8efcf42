import type { Clock } from "../../shared/domain/index.ts";
import type { NativeNvml, NvmlReport } from "../platform/index.ts";
import type { GpuReading } from "./agent-metrics.ts";

/** Older readings would be a flat line where the driver hangs; nothing is the honest answer. */
const FRESH_MS = 30_000;

/**
 * Passes NVML calls on and remembers the last answer, so that metrics need no NVML call of their own: each one may hang
 * and then keeps a thread.
 */
export function rememberReadings(nvml: NativeNvml, clock: Clock): { nvml: NativeNvml; readings(): GpuReading[] } {
  let last: { report: NvmlReport; at: number } | null = null;
  return {
    nvml: {
      async query(library) {
        const report = await nvml.query(library);
        last = report === null ? null : { report, at: clock.monotonic() };
        return report;
      },
    },
    readings() {
      if (last === null || clock.monotonic() - last.at > FRESH_MS) return [];
      return last.report.gpus.filter((gpu) => gpu.error === null);
    },
  };
}
