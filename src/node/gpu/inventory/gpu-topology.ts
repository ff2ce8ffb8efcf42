import type { Gpu } from "../../../shared/domain/index.ts";
import type { NvmlReport } from "../../platform/index.ts";

/** nvidia-smi's words: one PCIe switch, several, the CPU's host bridge, one NUMA node, across NUMA nodes. */
export type PcieLevel = "PIX" | "PXB" | "PHB" | "NODE" | "SYS" | "INTERNAL";

export interface GpuPair {
  /** UUIDs; each pair once. */
  between: [string, string];
  /** Null where NVML does not say. */
  pcie: PcieLevel | null;
  /** Active NVLinks between the two, directly or through switches. */
  nvlinks: number;
}

/** nvmlGpuTopologyLevel_t. */
const LEVELS: Record<number, PcieLevel> = { 0: "INTERNAL", 10: "PIX", 20: "PXB", 30: "PHB", 40: "NODE", 50: "SYS" };

/** How every two GPUs of one report reach each other. */
export function pairGpus(gpus: readonly Gpu[], report: Pick<NvmlReport, "topology">): GpuPair[] {
  const present = gpus.filter((gpu) => report.topology[gpu.index] !== undefined);
  return present.flatMap((one, position) =>
    present.slice(position + 1).map((other) => ({
      between: [one.uuid, other.uuid] as [string, string],
      pcie: LEVELS[report.topology[one.index]?.[other.index] ?? -1] ?? null,
      nvlinks: linksBetween(one, other),
    })),
  );
}

/** Through switches every GPU of the fabric is reached at the rate of the GPU with fewer links. */
function linksBetween(one: Gpu, other: Gpu): number {
  const direct = one.nvlinks.find((peer) => peer.kind !== "switch" && peer.pciBusId === other.pciBusId)?.links ?? 0;
  return direct + Math.min(switchLinks(one), switchLinks(other));
}

function switchLinks(gpu: Gpu): number {
  return gpu.nvlinks.filter((peer) => peer.kind === "switch").reduce((sum, peer) => sum + peer.links, 0);
}
