import type { Clock } from "../../shared/domain/index.ts";
import type { NativeNvml } from "../platform/index.ts";
import { createDriverRoot } from "./driver-files/cached-driver-root.ts";
import { selectDriverFiles } from "./driver-files/select-driver-files.ts";
import { createInventory } from "./inventory/create-inventory.ts";
import { findNvml } from "./inventory/find-nvml.ts";
import { mountPointsOf } from "./layer/layer-tree.ts";
import { prepareDriverLayer } from "./layer/prepare-driver-layer.ts";
import { removeUnusedLayers } from "./layer/remove-unused-layers.ts";
import { deviceRules } from "./plan/device-rules.ts";
import { DRIVER_FOLDER } from "./plan/driver-mounts.ts";
import { planInjection } from "./plan/plan-injection.ts";
import type { Capability, DeviceRule, DriverFiles, GpuInventory, InjectionPlan, RootfsFacts } from "./types.ts";

const CAPABILITIES: readonly Capability[] = ["utility", "compute"];
const NVML_TIMEOUT_MS = 5000;

export interface GpuHostOptions {
  native: { nvml: NativeNvml };
  clock: Clock;
  /** Folder this may own a sub-folder of (the data dir), for driver layers; without it there are none. */
  stateDir?: string;
  /** "/" on a normal machine; what prepareSimulatedGpus returned when simulating. */
  driverRoot: string;
  simulated: boolean;
  nvmlTimeoutMs?: number;
}

export interface GpuHost {
  /** Never rejects for NVML's sake and never blocks: see GpuInventory.problem. */
  inventory(): Promise<GpuInventory>;
  /**
   * The plan for `hooks/gpu-prestart`, the device rules for the OCI spec and the layer for the overlay.
   * @throws BerthError gpu_unavailable
   */
  planFor(gpuUuids: readonly string[], rootfs: RootfsFacts): Promise<GpuGrant>;
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
  const inventory = createInventory({
    nvml: options.native.nvml,
    nvmlLibrary: await findNvml(options.driverRoot),
    simulated: options.simulated,
    timeoutMs: options.nvmlTimeoutMs ?? NVML_TIMEOUT_MS,
    clock: options.clock,
  });
  const driver = createDriverRoot(options.driverRoot);
  if (options.stateDir !== undefined) await removeUnusedLayers(options.stateDir);
  return {
    inventory: () => inventory.read(),
    planFor: async (gpuUuids, rootfs) => {
      const [seen, listing] = await Promise.all([inventory.read(), driver.read()]);
      const driverFiles = selectDriverFiles(listing, CAPABILITIES, seen.driverVersion);
      const plan = planInjection({ inventory: seen, driverFiles, gpuUuids, capabilities: CAPABILITIES, rootfs });
      return { plan, deviceRules: deviceRules(plan), layer: await layerFor(options.stateDir, driverFiles, plan, rootfs) };
    },
  };
}

async function layerFor(
  stateDir: string | undefined,
  driverFiles: DriverFiles | null,
  plan: InjectionPlan,
  { lowerDirs }: RootfsFacts,
): Promise<string | null> {
  if (driverFiles === null || lowerDirs === undefined || stateDir === undefined) return null;
  return prepareDriverLayer({
    stateDir,
    lowerDirs,
    driverFiles,
    driverFolder: DRIVER_FOLDER,
    architecture: process.arch,
    mountPoints: mountPointsOf(plan),
  });
}
