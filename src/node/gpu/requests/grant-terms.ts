import { brandsOfModel } from "../../../shared/gpu-requirements/index.ts";
import type { DriverRootListing } from "../driver-files/listing.ts";
import type { Capability, GpuInventory, RootfsFacts } from "../types.ts";
import { type CompatDecision, type CompatLibraries, decideCompat } from "./forward-compatibility/decide-compat.ts";
import { findCompatLibraries } from "./forward-compatibility/find-compat-libraries.ts";
import type { GpuRequest } from "./gpu-request.ts";
import { evaluateRequirement, type RequirementResult } from "./requirements/evaluate-requirement.ts";

/** The image's own CUDA libraries, and whether they stand in for the driver's. */
export type ForwardCompatibility = Pick<CompatLibraries, "folder" | "version" | "names"> & CompatDecision;

/**
 * The capabilities to give. Of "all", those that need a device node which this machine does not have are left out: a server
 * without nvidia-modeset has no display. One that was named stays, and its missing node is an error later.
 */
export function grantedCapabilities({ capabilities: { capabilities, all } }: GpuRequest, { nodes }: DriverRootListing): Capability[] {
  const hasModeset = nodes.some((node) => node.name === "nvidia-modeset");
  return capabilities.filter((capability) => !all || capability !== "display" || hasModeset);
}

/** Every requirement held against every assigned GPU. GPUs that this machine does not have are left to the plan to refuse. */
export function judgeRequirements(request: GpuRequest, inventory: GpuInventory, gpuUuids: readonly string[]): RequirementResult[] {
  const gpus = inventory.gpus.filter((gpu) => [gpu, ...(gpu.mig?.devices ?? [])].some(({ uuid }) => gpuUuids.includes(uuid)));
  return request.requirements.requirements.flatMap((requirement) =>
    gpus.map((gpu) =>
      evaluateRequirement(requirement, {
        cuda: inventory.cudaVersion,
        driver: inventory.driverVersion,
        arch: gpu.computeCapability,
        brands: brandsOfModel(gpu.model),
        gpu: `GPU ${gpu.index} (${gpu.uuid})`,
      }),
    ),
  );
}

/** Null when the image has no such libraries, or the container no use for CUDA. */
export async function forwardCompatibility(
  capabilities: readonly Capability[],
  { lowerDirs }: RootfsFacts,
  driverVersion: string | null,
): Promise<ForwardCompatibility | null> {
  const computes = capabilities.includes("compute") || capabilities.includes("video");
  const libraries = computes && lowerDirs ? await findCompatLibraries(lowerDirs) : null;
  if (libraries === null) return null;
  const { folder, version, names } = libraries;
  return { folder, version, names, ...decideCompat(libraries, driverVersion) };
}

/** The loader looks into LD_LIBRARY_PATH before its cache, and the driver's folder is in it: the image's must come first. */
export function withCompatFirst(env: Record<string, string>, compat: ForwardCompatibility | null): Record<string, string> {
  if (!compat?.use) return env;
  const rest = (env["LD_LIBRARY_PATH"] ?? "").split(":").filter((folder) => folder !== "" && folder !== compat.folder);
  return { ...env, LD_LIBRARY_PATH: [compat.folder, ...rest].join(":") };
}
