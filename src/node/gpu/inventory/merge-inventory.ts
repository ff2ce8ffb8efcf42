import type { Gpu, MigDevice, NvlinkPeer } from "../../../shared/domain/index.ts";
import type { NvmlGpu, NvmlMigDevice, NvmlReport } from "../../platform/index.ts";
import type { GpuInventory } from "../types.ts";
import { judgeGpu } from "./judge-gpu.ts";

/** What a look at NVML came to. */
export type NvmlAnswer = { report: NvmlReport | null } | { problem: string };

/** What the looks so far came to. */
export interface KnownGpus {
  inventory: GpuInventory;
  /** UUIDs that took the slot of another GPU, which nobody has accepted yet. */
  suspects: ReadonlySet<string>;
}

/** What is known of the GPUs from elsewhere. */
export interface Beside {
  /** By PCI bus id. */
  numaNodes: ReadonlyMap<string, number>;
  /** Why the driver's events forbid to use a GPU; null when they do not. */
  problemOf(uuid: string): string | null;
}

const NOTHING: Beside = { numaNodes: new Map(), problemOf: () => null };
/** Limit of NodeFactsSchema.gpus. */
const MOST_GPUS = 64;
/** Stands for the UUID of a GPU that was lost before it ever told its own. */
const NAMELESS = "unknown-";

/**
 * Joins NVML's answer with what was known before. A GPU once seen is never forgotten: one that has vanished, is lost, or
 * cannot be asked stays in the list as not healthy, so nobody takes its absence for "this node has fewer GPUs". A suspect that
 * leaves again is forgotten: nobody ever had it, and the GPU whose slot it took may come back.
 */
export function mergeInventory({ inventory: known, suspects }: KnownGpus, answer: NvmlAnswer, beside: Beside = NOTHING): KnownGpus {
  if ("problem" in answer) return { inventory: withProblem(known, answer.problem), suspects };
  const report = answer.report;
  if (report === null) return { inventory: withProblem(known, "the NVIDIA driver is no longer loaded", null), suspects };
  const seen = withoutTwins(report.gpus.map((gpu) => toGpu(gpu, known.gpus, beside)));
  const isSeen = (uuid: string): boolean => seen.some((gpu) => gpu.uuid === uuid);
  const vanished = known.gpus.filter(({ uuid }) => !uuid.startsWith(NAMELESS) && !isSeen(uuid) && !suspects.has(uuid));
  const judged = seen.map((gpu) => ({ gpu, before: holderBefore(gpu, [...vanished, ...seen]) }));
  const inventory = {
    driverVersion: report.driverVersion,
    cudaVersion: report.cudaVersion,
    simulated: known.simulated,
    gpus: [...judged.map(({ gpu, before }) => suspectSwap(gpu, before)), ...vanished.map((gpu) => gone(gpu, seen))].slice(0, MOST_GPUS),
    problem: null,
  };
  // One that was known before has only moved.
  const isNew = (uuid: string): boolean => suspects.has(uuid) || !known.gpus.some((gpu) => gpu.uuid === uuid);
  const taken = judged.filter(({ gpu, before }) => before !== undefined && isNew(gpu.uuid));
  return { inventory, suspects: new Set(taken.map(({ gpu }) => gpu.uuid)) };
}

function withProblem(known: GpuInventory, text: string, problem: string | null = text): GpuInventory {
  return { ...known, problem, gpus: known.gpus.map((gpu) => sick(gpu, text)) };
}

function toGpu(gpu: NvmlGpu, known: Gpu[], beside: Beside): Gpu {
  if (gpu.error !== null) return sick(knownAt(gpu, known, beside), gpu.error);
  const problem = judgeGpu(gpu) ?? beside.problemOf(gpu.uuid);
  return {
    uuid: gpu.uuid,
    index: gpu.index,
    minor: gpu.minor,
    pciBusId: gpu.pciBusId,
    model: gpu.name,
    memoryBytes: gpu.memoryTotalBytes,
    computeCapability: gpu.computeCapability,
    healthy: problem === null,
    problem,
    numaNode: beside.numaNodes.get(gpu.pciBusId) ?? null,
    nvlinks: countLinks(gpu.nvlinks),
    mig: gpu.mig === null ? null : { enabled: gpu.mig.enabled, devices: gpu.mig.devices.map(toMigDevice) },
  };
}

function toMigDevice({ uuid, gpuInstance, computeInstance, profile, memoryTotalBytes }: NvmlMigDevice): MigDevice {
  return { uuid, gpuInstance, computeInstance, profile, memoryBytes: memoryTotalBytes };
}

function countLinks(links: NvmlGpu["nvlinks"]): NvlinkPeer[] {
  const peers = new Map<string, NvlinkPeer>();
  for (const { kind, pciBusId } of links) {
    const peer = peers.get(pciBusId);
    peers.set(pciBusId, { kind, pciBusId, links: (peer?.links ?? 0) + 1 });
  }
  return [...peers.values()];
}

/** A lost GPU often does not even tell its UUID: then its index is all there is to know it by. */
function knownAt(gpu: NvmlGpu, known: Gpu[], beside: Beside): Gpu {
  const before = known.find((candidate) => (gpu.uuid === "" ? candidate.index === gpu.index : candidate.uuid === gpu.uuid));
  if (before) return { ...before, index: gpu.index, pciBusId: gpu.pciBusId === "" ? before.pciBusId : gpu.pciBusId };
  const uuid = gpu.uuid === "" ? `${NAMELESS}${gpu.index}` : gpu.uuid;
  return { ...toGpu({ ...gpu, error: null }, [], beside), uuid };
}

/** A UUID names one GPU: a second one of that name cannot be told apart, so it is no GPU to hand out. */
function withoutTwins(gpus: Gpu[]): Gpu[] {
  return gpus.filter((gpu, position) => gpus.findIndex((other) => other.uuid === gpu.uuid) === position);
}

function holderBefore(gpu: Gpu, others: readonly Gpu[]): Gpu | undefined {
  return others.find((candidate) => candidate.uuid !== gpu.uuid && samePlace(candidate, gpu));
}

/**
 * A slot that now names another UUID is a swapped card or a driver that errs; either way nobody has looked at it yet, and a job
 * may still hold the old name. It stays so until somebody accepts it or the machine boots.
 */
function suspectSwap(gpu: Gpu, before: Gpu | undefined): Gpu {
  return before && gpu.healthy ? sick(gpu, `its slot held ${before.uuid} before: \`berth gpu release --end\` accepts it`) : gpu;
}

function gone(gpu: Gpu, seen: readonly Gpu[]): Gpu {
  const now = seen.find((candidate) => samePlace(candidate, gpu));
  return sick(gpu, now ? `its slot now holds ${now.uuid}` : "NVML no longer reports it");
}

function samePlace(one: Gpu, other: Gpu): boolean {
  return one.pciBusId === "" || other.pciBusId === "" ? one.index === other.index : one.pciBusId === other.pciBusId;
}

function sick(gpu: Gpu, problem: string): Gpu {
  return { ...gpu, healthy: false, problem };
}
