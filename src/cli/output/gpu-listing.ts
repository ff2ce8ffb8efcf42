import { formatBytes, type Gpu } from "../../shared/domain/index.ts";
import type { Listing } from "./formats.ts";

/** The table of `berth gpu ls`. */
export function localGpuListing(): Listing<Gpu> {
  return {
    columns: [
      { title: "GPU", value: (gpu) => gpu.index, align: "right" },
      { title: "UUID", value: (gpu) => gpu.uuid },
      { title: "MODEL", value: (gpu) => gpu.model },
      { title: "MEMORY", value: (gpu) => formatBytes(gpu.memoryBytes), align: "right" },
      {
        title: "HEALTH",
        value: (gpu) => (gpu.healthy ? { text: "ok", style: "green" } : { text: gpu.problem ?? "unhealthy", style: "red" }),
      },
    ],
    wide: [
      { title: "PCI", value: (gpu) => gpu.pciBusId },
      { title: "MINOR", value: (gpu) => gpu.minor, align: "right" },
    ],
    name: (gpu) => `gpu/${gpu.uuid}`,
    empty: "this machine has no GPU",
  };
}
