import type { DriverRootListing } from "../driver-files/listing.ts";
import { selectDriverFiles } from "../driver-files/select-driver-files.ts";
import { deviceRules } from "../plan/device-rules.ts";
import { planInjection } from "../plan/plan-injection.ts";
import type { Capability, DeviceRule, GpuInventory, InjectionPlan, RootfsFacts } from "../types.ts";
import { explainPlan, type PlanReason } from "./explain-plan.ts";
import { readGpuRequest } from "./gpu-request.ts";
import { parseGpusOption } from "./gpus-option.ts";
import { type ForwardCompatibility, forwardCompatibility, grantedCapabilities, judgeRequirements, withCompatFirst } from "./grant-terms.ts";
import type { RequirementResult } from "./requirements/evaluate-requirement.ts";
import { selectGpus } from "./select-gpus.ts";

/** What a container of an image would get, and why. Nothing is run or changed for it. */
export interface PlanPreview {
  simulated: boolean;
  driverVersion: string | null;
  cudaVersion: string | null;
  gpus: { index: number; uuid: string; model: string }[];
  capabilities: Capability[];
  /** False: a container of this image would not start here. */
  requirementsMet: boolean;
  /** NVIDIA_DISABLE_REQUIRE is set. */
  requirementsDisabled: boolean;
  requirements: RequirementResult[];
  forwardCompatibility: ForwardCompatibility | null;
  notes: string[];
  reasons: PlanReason[];
  plan: InjectionPlan;
  deviceRules: DeviceRule[];
}

export interface PreviewRequest {
  /** As `--gpus` has it; the devices it names stand for the scheduler's assignment. */
  gpus: string;
  rootfs: RootfsFacts;
}

/** @throws BerthError gpu_request_invalid, gpu_unavailable, forbidden */
export async function previewPlan(
  { gpus, rootfs }: PreviewRequest,
  inventory: GpuInventory,
  listing: DriverRootListing,
): Promise<PlanPreview> {
  const option = parseGpusOption(gpus);
  const request = readGpuRequest(rootfs.env, { source: "assignment", privileged: false }, option.capabilities);
  const chosen = selectGpus(option.choice, inventory.gpus).gpus;
  const gpuUuids = chosen.map(({ uuid }) => uuid);
  const capabilities = grantedCapabilities(request, listing);
  const requirements = judgeRequirements(request, inventory, gpuUuids);
  const driverFiles = selectDriverFiles(listing, capabilities, inventory.driverVersion);
  const compat = await forwardCompatibility(capabilities, rootfs, inventory.driverVersion);
  const planned = planInjection({ inventory, driverFiles, gpuUuids, capabilities, rootfs });
  const plan = { ...planned, env: withCompatFirst(planned.env, compat) };
  return {
    ...{ simulated: inventory.simulated, driverVersion: inventory.driverVersion, cudaVersion: inventory.cudaVersion },
    gpus: chosen.map(({ index, uuid, model }) => ({ index, uuid, model })),
    capabilities,
    requirementsMet: requirements.every(({ holds }) => holds),
    requirementsDisabled: request.requirements.disabled,
    requirements,
    forwardCompatibility: compat,
    notes: request.notes,
    reasons: explainPlan(plan, listing, capabilities, inventory),
    plan,
    deviceRules: deviceRules(plan),
  };
}
