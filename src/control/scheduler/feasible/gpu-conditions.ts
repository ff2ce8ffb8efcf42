import { type Gpu, type GpuCondition, versionHolds } from "../../../shared/domain/index.ts";
import { brandsOfModel } from "../../../shared/gpu-requirements/index.ts";
import type { NodeCapacity } from "../snapshot.ts";

/** The first condition that the GPU, with the driver of its node, does not meet, in words; null when it meets all. */
export function unmetCondition(gpu: Gpu, node: NodeCapacity, conditions: readonly GpuCondition[] | undefined): GpuCondition | null {
  return conditions?.find((condition) => !holds(gpu, node, condition)) ?? null;
}

/**
 * The requirement of the image (a list of alternatives) that the GPU does not meet; null when it meets all. As the node
 * judges when the container starts: what is not known holds, and brands are NVML's, of which "A100" is "nvidia" and "tesla".
 */
export function unmetRequirement(gpu: Gpu, node: NodeCapacity, requirements: GpuCondition[][][] | undefined): GpuCondition | null {
  for (const alternatives of requirements ?? []) {
    const unmet = alternatives.map((conditions) => conditions.find((condition) => !holdsForImage(gpu, node, condition)) ?? null);
    // The first alternative is the one that image authors write for everybody; the rest are exceptions for data-centre GPUs.
    if (!unmet.includes(null)) return unmet[0] ?? null;
  }
  return null;
}

/** "driver 535.1 < 550": what is there and what it fails. */
export function describeUnmet(gpu: Gpu, node: NodeCapacity, { subject, operator, value }: GpuCondition): string {
  const actual = actualValue(gpu, node, subject);
  if (actual === null) return `${WORDS[subject]} unknown, ${operator} ${value} asked`;
  if (subject === "brand") return `${gpu.model} is not ${operator === "!=" ? "allowed" : value}`;
  return `${WORDS[subject]} ${actual} ${OPPOSITE[operator]} ${value}`;
}

const WORDS = { driver: "driver", cuda: "CUDA", "compute-capability": "compute capability", brand: "brand" } as const;
const OPPOSITE = { ">=": "<", ">": "<=", "=": "is not", "!=": "is", "<=": ">", "<": ">=" } as const;

function holds(gpu: Gpu, node: NodeCapacity, { subject, operator, value }: GpuCondition): boolean {
  const actual = actualValue(gpu, node, subject);
  if (actual === null) return false;
  if (subject === "brand") return actual.toLowerCase().includes(value.toLowerCase()) === (operator !== "!=");
  return versionHolds(actual, operator, value);
}

function holdsForImage(gpu: Gpu, node: NodeCapacity, { subject, operator, value }: GpuCondition): boolean {
  if (subject !== "brand") {
    const actual = actualValue(gpu, node, subject);
    return actual === null || versionHolds(actual, operator, value);
  }
  const brands = brandsOfModel(gpu.model);
  const wanted = value.toLowerCase();
  return brands.length === 0 || (operator === "=" ? brands.includes(wanted) : brands.some((brand) => brand !== wanted));
}

function actualValue(gpu: Gpu, node: NodeCapacity, subject: GpuCondition["subject"]): string | null {
  switch (subject) {
    case "driver":
      return node.driverVersion ?? null;
    case "cuda":
      return node.cudaVersion ?? null;
    case "compute-capability":
      return gpu.computeCapability;
    case "brand":
      return gpu.model;
  }
}
