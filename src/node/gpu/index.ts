export type { CdiDevice, CdiEdits, CdiSpec } from "./cdi/cdi-types.ts";
export { type CdiCheck, createCdiCheck } from "./cdi/check-cdi-spec.ts";
export { type CdiSnapshot, type CdiWatch, keepCdiFile } from "./cdi/keep-cdi-file.ts";
export { CDI_DIRS, type CdiListing, type ListedCdiDevice, listCdiDevices } from "./cdi/list-cdi-devices.ts";
export { makeCdiSpec } from "./cdi/make-cdi-spec.ts";
export { CDI_CAPABILITIES, type CdiSources, readCdiSnapshot } from "./cdi/read-cdi-snapshot.ts";
export { type CdiChange, type CdiFormat, cdiFormatOf, formatCdiSpec, writeCdiFile } from "./cdi/write-cdi-file.ts";
export { createDriverRoot, type DriverRoot } from "./driver-files/cached-driver-root.ts";
export { closeCapabilities } from "./driver-files/capability-files.ts";
export type { DriverRootListing } from "./driver-files/listing.ts";
export { readDriverRoot } from "./driver-files/read-driver-root.ts";
export { selectDriverFiles } from "./driver-files/select-driver-files.ts";
export type { GpuGrant, GpuHost, GpuHostOptions } from "./gpu-host.ts";
export { createGpuHost } from "./gpu-host.ts";
export type { CapabilityPart, HostDevice, HostState, HostStateRequest } from "./host-state/host-state.ts";
export { hostState } from "./host-state/host-state.ts";
export type { HostStateOptions } from "./host-state/write-host-state.ts";
export { writeHostState } from "./host-state/write-host-state.ts";
export { createInventory, type GpuXid, type Inventory, type InventoryOptions } from "./inventory/create-inventory.ts";
export { findNvml } from "./inventory/find-nvml.ts";
export type { GpuStatus, GpuStatusReport, Telemetry } from "./inventory/gpu-status.ts";
export { type GpuPair, type PcieLevel, pairGpus } from "./inventory/gpu-topology.ts";
export { readNumaNodes } from "./inventory/numa-nodes.ts";
export { plausibleSample } from "./inventory/plausible-sample.ts";
export { createXidHistory, type XidEvent, xidEvent } from "./inventory/xids.ts";
export { type DriverLayerOptions, type MountPoint, mountPointsOf } from "./layer/layer-tree.ts";
export { compareLibraryNames, mergeLdCache } from "./layer/merge-ld-cache.ts";
export { parseLdCache } from "./layer/parse-ld-cache.ts";
export { prepareDriverLayer } from "./layer/prepare-driver-layer.ts";
export { removeUnusedLayers } from "./layer/remove-unused-layers.ts";
export { writeLdCache } from "./layer/write-ld-cache.ts";
export { createMpsDaemons, type MpsDaemons, type MpsEndpoint } from "./mps/mps-daemons.ts";
export { isMpsInstalled } from "./mps/start-mps.ts";
export { deviceRules } from "./plan/device-rules.ts";
export { DRIVER_FOLDER } from "./plan/driver-mounts.ts";
export type { PlanRequest } from "./plan/plan-injection.ts";
export { planInjection } from "./plan/plan-injection.ts";
export { choiceOf, type DeviceChoice } from "./requests/device-choice.ts";
export { type DeviceSelector, parseDeviceSelector } from "./requests/device-selector.ts";
export { type CapabilityRequest, type CapabilityWord, parseDriverCapabilities } from "./requests/driver-capabilities.ts";
export type { PlanReason } from "./requests/explain-plan.ts";
export { type AllowedExtra, type ExtraDevice, parseImexChannels } from "./requests/extra-devices.ts";
export { withExtraFiles } from "./requests/extra-files.ts";
export { extraNodes } from "./requests/extra-nodes.ts";
export { type CompatNote, type ReadAt, readCompatNote } from "./requests/forward-compatibility/compat-note.ts";
export { type CompatDecision, type CompatLibraries, decideCompat } from "./requests/forward-compatibility/decide-compat.ts";
export { findCompatLibraries } from "./requests/forward-compatibility/find-compat-libraries.ts";
export { type GpuRequest, readGpuRequest } from "./requests/gpu-request.ts";
export { type GpusOption, parseGpusOption } from "./requests/gpus-option.ts";
export type { ForwardCompatibility } from "./requests/grant-terms.ts";
export type { PlanPreview, PreviewRequest } from "./requests/preview-plan.ts";
export {
  assertRequirements,
  evaluateRequirement,
  type RequirementFacts,
  type RequirementResult,
} from "./requests/requirements/evaluate-requirement.ts";
export { type GpuSelection, selectGpus } from "./requests/select-gpus.ts";
export type { SimulatedGpus, SimulationOptions } from "./simulate/prepare-simulated-gpus.ts";
export { prepareSimulatedGpus } from "./simulate/prepare-simulated-gpus.ts";
export { parseSimulatedMig, type SimulatedMig } from "./simulate/simulated-mig.ts";
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
