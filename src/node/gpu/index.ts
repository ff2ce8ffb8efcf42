export { closeCapabilities } from "./driver-files/capability-files.ts";
export type { DriverRootListing } from "./driver-files/listing.ts";
export { readDriverRoot } from "./driver-files/read-driver-root.ts";
export { selectDriverFiles } from "./driver-files/select-driver-files.ts";
export type { GpuGrant, GpuHost, GpuHostOptions } from "./gpu-host.ts";
export { createGpuHost } from "./gpu-host.ts";
export type { Inventory, InventoryOptions } from "./inventory/create-inventory.ts";
export { createInventory } from "./inventory/create-inventory.ts";
export { findNvml } from "./inventory/find-nvml.ts";
export { compareLibraryNames, mergeLdCache } from "./layer/merge-ld-cache.ts";
export { parseLdCache } from "./layer/parse-ld-cache.ts";
export type { DriverLayerOptions } from "./layer/prepare-driver-layer.ts";
export { prepareDriverLayer } from "./layer/prepare-driver-layer.ts";
export { writeLdCache } from "./layer/write-ld-cache.ts";
export { deviceRules } from "./plan/device-rules.ts";
export type { PlanRequest } from "./plan/plan-injection.ts";
export { DRIVER_FOLDER, planInjection } from "./plan/plan-injection.ts";
export type { SimulatedGpus, SimulationOptions } from "./simulate/prepare-simulated-gpus.ts";
export { prepareSimulatedGpus } from "./simulate/prepare-simulated-gpus.ts";
export type {
  Capability,
  DeviceNode,
  DeviceRule,
  DriverFile,
  DriverFiles,
  FileMount,
  GpuInventory,
  InjectionPlan,
  RootfsFacts,
} from "./types.ts";
