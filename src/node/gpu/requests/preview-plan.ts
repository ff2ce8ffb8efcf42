import { deviceRules } from "../plan/device-rules.ts";
import type { Capability, DeviceRule, InjectionPlan, RootfsFacts } from "../types.ts";
import { explainPlan, type PlanReason } from "./explain-plan.ts";
import { parseGpusOption } from "./gpus-option.ts";
import type { ForwardCompatibility } from "./grant-terms.ts";
import type { RequirementResult } from "./requirements/evaluate-requirement.ts";
import { selectGpus } from "./select-gpus.ts";
import { type GrantingHost, workOutGrant } from "./work-out-grant.ts";

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
export async function previewPlan(host: GrantingHost, { gpus, rootfs }: PreviewRequest): Promise<PlanPreview> {
  const { inventory, listing } = host;
  const option = parseGpusOption(gpus);
  const chosen = selectGpus(option.choice, inventory.gpus).gpus;
  const gpuUuids = chosen.map(({ uuid }) => uuid);
  const { plan, ...grant } = await workOutGrant(host, { gpuUuids, rootfs, capabilities: option.capabilities });
  return {
    ...{ simulated: inventory.simulated, driverVersion: inventory.driverVersion, cudaVersion: inventory.cudaVersion },
    gpus: chosen.map(({ index, uuid, model }) => ({ index, uuid, model })),
    capabilities: grant.capabilities,
    requirementsMet: grant.requirements.every(({ holds }) => holds),
    requirementsDisabled: grant.request.requirements.disabled,
    requirements: grant.requirements,
    forwardCompatibility: grant.compat,
    notes: grant.request.notes,
    reasons: explainPlan(plan, listing, grant.capabilities, inventory),
    plan,
    deviceRules: deviceRules(plan),
  };
}
