import type { DriverRootListing } from "../driver-files/listing.ts";
import { selectDriverFiles } from "../driver-files/select-driver-files.ts";
import { planInjection } from "../plan/plan-injection.ts";
import type { Capability, DriverFiles, GpuInventory, InjectionPlan, RootfsFacts } from "../types.ts";
import type { CapabilityWord } from "./driver-capabilities.ts";
import type { AllowedExtra } from "./extra-devices.ts";
import { withExtraFiles } from "./extra-files.ts";
import { extraNodes } from "./extra-nodes.ts";
import { type GpuRequest, readGpuRequest } from "./gpu-request.ts";
import { type ForwardCompatibility, forwardCompatibility, grantedCapabilities, judgeRequirements, withCompatFirst } from "./grant-terms.ts";
import type { RequirementResult } from "./requirements/evaluate-requirement.ts";

/** One look at the machine. */
export interface GrantingHost {
  inventory: GpuInventory;
  listing: DriverRootListing;
  driverRoot: string;
  /** What the operator lets jobs have beside GPUs. */
  allowedExtras: readonly AllowedExtra[];
}

export interface WantedGrant {
  /** The assignment. */
  gpuUuids: readonly string[];
  rootfs: RootfsFacts;
  /** Pipes of the MPS daemon it is to be a client of; null or absent leaves it to the machine's own, where one runs. */
  mpsFolder?: string | null;
  /** In place of NVIDIA_DRIVER_CAPABILITIES; null lets the environment say. */
  capabilities: readonly CapabilityWord[] | null;
}

export interface WorkedOutGrant {
  request: GpuRequest;
  capabilities: Capability[];
  requirements: RequirementResult[];
  compat: ForwardCompatibility | null;
  driverFiles: DriverFiles | null;
  plan: InjectionPlan;
}

/**
 * What a job's container gets for its assignment and its environment. Requirements are judged but not enforced here.
 * @throws BerthError gpu_unavailable, gpu_request_invalid, forbidden
 */
export async function workOutGrant(host: GrantingHost, wanted: WantedGrant): Promise<WorkedOutGrant> {
  const { gpuUuids, rootfs, mpsFolder = null, capabilities: named } = wanted;
  const { inventory, listing, driverRoot, allowedExtras } = host;
  const request = readGpuRequest(rootfs.env, allowedExtras, named);
  const capabilities = grantedCapabilities(request, listing);
  const selected = withMps(selectDriverFiles(listing, capabilities, inventory.driverVersion), mpsFolder);
  const driverFiles = await withExtraFiles(selected, driverRoot, request.extras);
  const planned = planInjection({ inventory, driverFiles, gpuUuids, capabilities, rootfs });
  const [compat, extras] = await Promise.all([
    forwardCompatibility(capabilities, rootfs, inventory.driverVersion),
    extraNodes(driverRoot, request.extras, request.imexChannels),
  ]);
  const plan = { ...planned, deviceNodes: [...planned.deviceNodes, ...extras], env: withCompatFirst(planned.env, compat) };
  return { request, capabilities, requirements: judgeRequirements(request, inventory, gpuUuids), compat, driverFiles, plan };
}

function withMps(files: DriverFiles | null, hostPath: string | null): DriverFiles | null {
  if (files === null || hostPath === null) return files;
  const others = files.services.filter(({ service }) => service !== "mps");
  return { ...files, services: [...others, { service: "mps", kind: "folder", hostPath }] };
}
