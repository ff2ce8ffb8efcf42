import type { Clock } from "../../shared/domain/index.ts";
import type { NativeNvml } from "../platform/index.ts";
import { createDriverRoot } from "./driver-files/cached-driver-root.ts";
import { createInventory, type Inventory } from "./inventory/create-inventory.ts";
import { driverFingerprint } from "./inventory/driver-fingerprint.ts";
import { findNvml } from "./inventory/find-nvml.ts";
import { openGpuMemory } from "./inventory/gpu-memory.ts";
import { readNumaNodes } from "./inventory/numa-nodes.ts";
import { mountPointsOf } from "./layer/layer-tree.ts";
import { prepareDriverLayer } from "./layer/prepare-driver-layer.ts";
import { removeUnusedLayers } from "./layer/remove-unused-layers.ts";
import { deviceRules } from "./plan/device-rules.ts";
import { DRIVER_FOLDER } from "./plan/driver-mounts.ts";
import type { AllowedExtra } from "./requests/extra-devices.ts";
import type { ForwardCompatibility } from "./requests/grant-terms.ts";
import { type PlanPreview, type PreviewRequest, previewPlan } from "./requests/preview-plan.ts";
import { assertRequirements } from "./requests/requirements/evaluate-requirement.ts";
import { type GrantingHost, type WantedGrant, workOutGrant } from "./requests/work-out-grant.ts";
import type { DeviceRule, DriverFiles, GpuInventory, InjectionPlan, RootfsFacts } from "./types.ts";

const NVML_TIMEOUT_MS = 5000;
/** Longer than the agent's pause between two looks: a start pays for none. */
const RECENT_MS = 10_000;

export interface GpuHostOptions {
  native: { nvml: NativeNvml };
  clock: Clock;
  /** Folder this may own a sub-folder of (the data dir), for driver layers; without it there are none. */
  stateDir?: string;
  /** "/" on a normal machine; what prepareSimulatedGpus returned when simulating. */
  driverRoot: string;
  simulated: boolean;
  nvmlTimeoutMs?: number;
  /** What jobs may ask for beside GPUs (NVIDIA_GDS and its kin); nothing when absent. */
  allowedExtras?: readonly AllowedExtra[];
}

export interface GpuHost {
  /** Never rejects for NVML's sake and never blocks: see GpuInventory.problem. */
  inventory(): Promise<GpuInventory>;
  /** All that is known of the GPUs now, from the last look; no NVML call. */
  status: Inventory["status"];
  samples: Inventory["samples"];
  release: Inventory["release"];
  xidCounts: Inventory["xidCounts"];
  /** Listens to the driver and takes readings every second until the signal aborts. */
  watch: Inventory["watch"];
  /**
   * The plan for `hooks/gpu-prestart`, the device rules for the OCI spec and the layer for the overlay. `gpuUuids` alone grant;
   * the environment in `rootfs` says which capabilities are wanted and what the driver must fulfil. `mpsFolder`: pipes of the
   * MPS daemon it is to be a client of, in place of the machine's own.
   * @throws BerthError gpu_unavailable, gpu_requirement_unmet, gpu_request_invalid, forbidden
   */
  planFor(gpuUuids: readonly string[], rootfs: RootfsFacts, mpsFolder?: string | null): Promise<GpuGrant>;
  /** The same for people, and why: changes nothing. @throws as planFor, but unmet requirements are part of the answer */
  preview(request: PreviewRequest): Promise<PlanPreview>;
}

export interface GpuGrant {
  plan: InjectionPlan;
  deviceRules: DeviceRule[];
  /**
   * A folder to put on top of the image's layers as one more lower layer: mount point, merged ld.so.cache, /usr/bin links.
   * Null when `stateDir` or `lowerDirs` was not given; the container works without it, see hooks/README.md for what is lost.
   */
  layer: string | null;
}

/** The GPUs of one machine, read fresh at every call: drivers are updated and GPUs fail under a running agent. */
export async function createGpuHost(options: GpuHostOptions): Promise<GpuHost> {
  const { driverRoot } = options;
  // A driver container's root has no /proc and /sys of the host's; a simulated one brings its own.
  const hostRoot = options.simulated ? driverRoot : "/";
  const inventory = createInventory({
    nvml: options.native.nvml,
    findLibrary: () => findNvml(driverRoot),
    fingerprint: (library) => driverFingerprint({ library, driverRoot, hostRoot }),
    ...(options.stateDir === undefined ? {} : { memory: await openGpuMemory(options.stateDir, driverRoot) }),
    numaNodes: (pciBusIds) => readNumaNodes(hostRoot, pciBusIds),
    simulated: options.simulated,
    timeoutMs: options.nvmlTimeoutMs ?? NVML_TIMEOUT_MS,
    clock: options.clock,
  });
  const driver = createDriverRoot(options.driverRoot);
  if (options.stateDir !== undefined) await removeUnusedLayers(options.stateDir);
  const look = async (): Promise<GrantingHost> => {
    const [seen, listing] = await Promise.all([inventory.recent(RECENT_MS), driver.read()]);
    return { inventory: seen, listing, driverRoot, allowedExtras: options.allowedExtras ?? [] };
  };
  return {
    inventory: () => inventory.read(),
    status: inventory.status,
    samples: inventory.samples,
    release: inventory.release,
    xidCounts: inventory.xidCounts,
    watch: inventory.watch,
    planFor: async (gpuUuids, rootfs, mpsFolder = null) =>
      grant(options.stateDir, await look(), { gpuUuids, rootfs, mpsFolder, capabilities: null }),
    preview: async (request) => previewPlan(await look(), request),
  };
}

async function grant(stateDir: string | undefined, host: GrantingHost, wanted: WantedGrant): Promise<GpuGrant> {
  const { plan, requirements, driverFiles, compat } = await workOutGrant(host, wanted);
  assertRequirements(requirements);
  return { plan, deviceRules: deviceRules(plan), layer: await layerFor(stateDir, driverFiles, plan, wanted.rootfs, compat) };
}

async function layerFor(
  stateDir: string | undefined,
  driverFiles: DriverFiles | null,
  plan: InjectionPlan,
  { lowerDirs }: RootfsFacts,
  compat: ForwardCompatibility | null,
): Promise<string | null> {
  if (driverFiles === null || lowerDirs === undefined || stateDir === undefined) return null;
  return prepareDriverLayer({
    stateDir,
    lowerDirs,
    driverFiles,
    driverFolder: DRIVER_FOLDER,
    architecture: process.arch,
    mountPoints: mountPointsOf(plan),
    imageCompat: compat?.use ? { folder: compat.folder, names: compat.names } : null,
  });
}
