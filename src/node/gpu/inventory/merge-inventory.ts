import type { Gpu } from "../../../shared/domain/index.ts";
import type { NvmlGpu, NvmlReport } from "../../platform/index.ts";
import type { GpuInventory } from "../types.ts";

/** What a look at NVML came to. */
export type NvmlAnswer = { report: NvmlReport | null } | { problem: string };

/**
 * Joins NVML's answer with what was known before. A GPU once seen is never forgotten: one that has vanished, is lost, or
 * cannot be asked stays in the list as not healthy, so nobody takes its absence for "this node has fewer GPUs".
 */
export function mergeInventory(known: GpuInventory, answer: NvmlAnswer): GpuInventory {
  if ("problem" in answer) return { ...known, problem: answer.problem, gpus: known.gpus.map((gpu) => sick(gpu, answer.problem)) };
  const report = answer.report;
  if (report === null)
    return { ...known, problem: null, gpus: known.gpus.map((gpu) => sick(gpu, "the NVIDIA driver is no longer loaded")) };
  const seen = report.gpus.map((gpu) => toGpu(gpu, known.gpus));
  const vanished = known.gpus.filter((gpu) => !seen.some((candidate) => candidate.uuid === gpu.uuid));
  return {
    driverVersion: report.driverVersion,
    cudaVersion: report.cudaVersion,
    simulated: known.simulated,
    gpus: [...seen, ...vanished.map((gpu) => sick(gpu, "NVML no longer reports it"))],
    problem: null,
  };
}

function toGpu(gpu: NvmlGpu, known: Gpu[]): Gpu {
  if (gpu.error !== null) return sick(knownAt(gpu, known), gpu.error);
  return {
    uuid: gpu.uuid,
    index: gpu.index,
    minor: gpu.minor,
    pciBusId: gpu.pciBusId,
    model: gpu.name,
    memoryBytes: gpu.memoryTotalBytes,
    computeCapability: gpu.computeCapability,
    healthy: true,
    problem: null,
    numaNode: null,
    nvlinks: [],
    mig: null,
  };
}

/** A lost GPU often does not even tell its UUID: then its index is all there is to know it by. */
function knownAt(gpu: NvmlGpu, known: Gpu[]): Gpu {
  const before = known.find((candidate) => (gpu.uuid === "" ? candidate.index === gpu.index : candidate.uuid === gpu.uuid));
  if (before) return before;
  const uuid = gpu.uuid === "" ? `unknown-${gpu.index}` : gpu.uuid;
  return { ...toGpu({ ...gpu, error: null }, []), uuid };
}

function sick(gpu: Gpu, problem: string): Gpu {
  return { ...gpu, healthy: false, problem };
}
