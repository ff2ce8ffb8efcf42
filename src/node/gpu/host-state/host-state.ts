import { BerthError } from "../../../shared/domain/index.ts";
import { brandsOfModel } from "../../../shared/gpu-requirements/index.ts";
import { DRIVER_FOLDER } from "../plan/driver-mounts.ts";
import { planInjection } from "../plan/plan-injection.ts";
import type { Capability, DeviceNode, DriverFiles, FileMount, GpuInventory, InjectionPlan } from "../types.ts";

const CAPABILITIES: readonly Capability[] = ["utility", "compute", "video", "graphics", "display", "ngx", "compat32"];
/** What `hooks/berth-runtime` sets by itself, from the container's own environment and its request. */
const OWN_VARIABLES = new Set(["NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "CUDA_DEVICE_ORDER", "PATH", "LD_LIBRARY_PATH"]);

/**
 * Everything a container of this machine could get, worked out beforehand and written to a file, so that `hooks/berth-runtime`
 * plans a container in a millisecond instead of starting Node and NVML for it.
 */
export interface HostState {
  version: 1;
  driverFolder: string;
  /** While `file` does not say `text`, another driver is loaded and this state is stale. */
  driver: { file: string; text: string };
  /** While a folder has other paths below it than these (sorted), GPUs came or went, or were partitioned, and this state is stale. */
  folders: { path: string; names: string[] }[];
  cudaVersion: string | null;
  driverVersion: string | null;
  /** In PCI bus order. */
  devices: HostDevice[];
  capabilities: Partial<Record<Capability, CapabilityPart>>;
  params: string | null;
  /** For privileged containers alone; null where the driver knows no MIG. */
  migRights: { config: HostMigRight | null; monitor: HostMigRight | null };
}

export interface HostMigRight {
  /** Null while nobody has made it. */
  deviceNode: DeviceNode | null;
  /** Below /proc/driver/nvidia. */
  procShown: string;
}

export interface HostDevice {
  /** Lower case: index, UUID (always the second), PCI bus id in its three lengths; of a MIG device "0:1" and its UUID. */
  names: string[];
  uuid: string;
  minor: number;
  model: string;
  computeCapability: string | null;
  /** For NVIDIA_REQUIRE_*; [] when not known. */
  brands: readonly string[];
  /** Why it must not be handed out. */
  problem: string | null;
  /** Part of a request for "all". */
  inAll: boolean;
  deviceNodes: Partial<Record<Capability, DeviceNode[]>>;
  procShown: string[];
}

export interface CapabilityPart {
  /** Why no container can have it ("/dev/nvidia-modeset is missing"). */
  problem: string | null;
  deviceNodes: DeviceNode[];
  mounts: FileMount[];
  symlinks: InjectionPlan["symlinks"];
  libraryFolders: string[];
  env: Record<string, string>;
}

export interface HostStateRequest {
  inventory: GpuInventory;
  driver: HostState["driver"];
  folders: HostState["folders"];
  migRights: HostState["migRights"];
  driverFilesFor(capability: Capability): DriverFiles | null;
}

/** Pure: the same planner as for Berth's own containers, asked once for every GPU and capability. */
export function hostState(request: HostStateRequest): HostState {
  const { inventory } = request;
  const plans = inventory.gpus.flatMap(targetsOf).map((target) => ({
    ...target,
    plans: CAPABILITIES.map((name) => attempt(request, target.uuid, name)),
  }));
  const parts = CAPABILITIES.map((name, at) => [name, capabilityPart(plans.map((entry) => entry.plans[at]))] as const);
  const capabilities = Object.fromEntries(parts);
  return {
    version: 1,
    driverFolder: DRIVER_FOLDER,
    driver: request.driver,
    folders: request.folders,
    migRights: request.migRights,
    cudaVersion: inventory.cudaVersion,
    driverVersion: inventory.driverVersion,
    devices: plans.map(({ gpu, uuid, names, inAll, plans }) => ({
      names,
      uuid,
      minor: gpu.minor,
      model: gpu.model,
      computeCapability: gpu.computeCapability,
      brands: brandsOfModel(gpu.model),
      problem: gpu.healthy ? everyProblem(plans) : (gpu.problem ?? "not healthy"),
      inAll,
      deviceNodes: Object.fromEntries(CAPABILITIES.map((name, at) => [name, ownNodes(plans[at]?.plan ?? null, parts[at]?.[1])])),
      procShown: plans.find(({ plan }) => plan !== null)?.plan?.procDriver?.shown ?? [],
    })),
    capabilities,
    params: plans.flatMap((entry) => entry.plans).find(({ plan }) => plan !== null)?.plan?.procDriver?.params ?? null,
  };
}

interface Target {
  gpu: GpuInventory["gpus"][number];
  uuid: string;
  names: string[];
  inAll: boolean;
}

/** A GPU, then its MIG devices; "all" names the GPU, which brings them. */
function targetsOf(gpu: Target["gpu"]): Target[] {
  const mig = gpu.mig?.enabled === true ? gpu.mig.devices : [];
  const parts = mig.map(({ uuid }, at) => ({ gpu, uuid, names: [`${gpu.index}:${at}`, uuid.toLowerCase()], inAll: false }));
  return [{ gpu, uuid: gpu.uuid, names: namesOf(gpu), inAll: true }, ...parts];
}

/** Of a device that no capability can be planned for ("nodes of MIG device ... are missing"): without this it would come without nodes. */
function everyProblem(plans: readonly Attempt[]): string | null {
  return plans.every(({ plan }) => plan === null) ? (plans[0]?.problem ?? null) : null;
}

type Attempt = { plan: InjectionPlan; problem: null } | { plan: null; problem: string };

function attempt(request: HostStateRequest, uuid: string, capability: Capability): Attempt {
  try {
    const driverFiles = request.driverFilesFor(capability);
    const { inventory } = request;
    return {
      plan: planInjection({ inventory, driverFiles, gpuUuids: [uuid], capabilities: [capability], rootfs: { env: {} } }),
      problem: null,
    };
  } catch (error) {
    if (error instanceof BerthError && error.code === "gpu_unavailable") return { plan: null, problem: error.message };
    throw error;
  }
}

/** What the plans of all GPUs have in common; a GPU's own nodes are in none but its own. */
function capabilityPart(attempts: readonly (Attempt | undefined)[]): CapabilityPart {
  const plans = attempts.flatMap((entry) => (entry?.plan ? [entry.plan] : []));
  const [first] = plans;
  if (!first) {
    const problem = attempts.find((entry) => entry?.problem)?.problem ?? "this machine has no GPU";
    return { problem, deviceNodes: [], mounts: [], symlinks: [], libraryFolders: [], env: {} };
  }
  return {
    problem: null,
    deviceNodes: first.deviceNodes.filter((node) => !isGpuNode(node)),
    mounts: first.mounts,
    symlinks: first.symlinks,
    libraryFolders: first.libraryFolders,
    env: Object.fromEntries(Object.entries(first.env).filter(([name]) => !OWN_VARIABLES.has(name))),
  };
}

function ownNodes(plan: InjectionPlan | null, part: CapabilityPart | undefined): DeviceNode[] {
  return plan?.deviceNodes.filter((node) => !part?.deviceNodes.some((shared) => shared.path === node.path)) ?? [];
}

/** Nodes of one GPU alone: /dev/nvidia0, /dev/dri/card0, and a MIG device's /dev/nvidia-caps/nvidia-cap1. */
function isGpuNode({ path }: DeviceNode): boolean {
  return /^\/dev\/(nvidia\d+$|dri\/|nvidia-caps\/)/.test(path);
}

function namesOf(gpu: GpuInventory["gpus"][number]): string[] {
  const bus = gpu.pciBusId.toLowerCase();
  const short = bus.replace(/^0000(?=[0-9a-f]{4}:)/, "");
  return [String(gpu.index), gpu.uuid.toLowerCase(), bus, short, short.replace(/^0000:/, "")].filter((name) => name !== "");
}
