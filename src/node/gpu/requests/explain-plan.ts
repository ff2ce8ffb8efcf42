import { closeCapabilities } from "../driver-files/capability-files.ts";
import type { DriverRootListing } from "../driver-files/listing.ts";
import { selectDriverFiles } from "../driver-files/select-driver-files.ts";
import { EXTRA_MOUNTS } from "../plan/driver-mounts.ts";
import type { Capability, DriverFiles, GpuInventory, InjectionPlan } from "../types.ts";

/** Why something of a plan is there: a capability, "assignment" (a GPU's own), "environment" (NVIDIA_GDS and its kin), or "always". */
export interface PlanReason {
  /** In the container. */
  path: string;
  because: Capability | "assignment" | "environment" | "always";
}

/** A reason for every device node and mount of the plan, in its order. Pure. */
export function explainPlan(
  plan: InjectionPlan,
  listing: DriverRootListing,
  capabilities: readonly Capability[],
  inventory: GpuInventory,
): PlanReason[] {
  const origins = originsOf(listing, capabilities, inventory.driverVersion);
  const nodes = plan.deviceNodes.map(({ path }): PlanReason => ({ path, because: nodeOrigin(path, origins) }));
  const mounts = plan.mounts.map(
    ({ containerPath, hostPath }): PlanReason => ({
      path: containerPath,
      because: EXTRA_MOUNTS.includes(containerPath) ? "environment" : originOf(hostPath, origins),
    }),
  );
  return [...nodes, ...mounts];
}

type Origins = { capability: Capability; paths: ReadonlySet<string> }[];

/** Per capability what it alone would bring. One that others imply comes before them, so it gets the credit. */
function originsOf(listing: DriverRootListing, capabilities: readonly Capability[], version: string | null): Origins {
  return closeCapabilities(capabilities).map((capability) => {
    const files = selectDriverFiles(listing, [capability], version);
    return { capability, paths: new Set(files === null ? [] : pathsOf(files)) };
  });
}

function pathsOf(files: DriverFiles): string[] {
  const hosts = [...files.libraries, ...files.libraries32, ...files.binaries, ...files.fixedFiles, ...files.services];
  return [...hosts.map(({ hostPath }) => hostPath), ...files.controlNodes.map(({ path }) => path)];
}

function originOf(path: string, origins: Origins): PlanReason["because"] {
  const bringing = origins.filter(({ paths }) => paths.has(path));
  const [first] = bringing;
  // What every capability brings needs none: the control node.
  return first === undefined || path === "/dev/nvidiactl" ? "always" : first.capability;
}

function nodeOrigin(path: string, origins: Origins): PlanReason["because"] {
  if (isGpuNode(path)) return "assignment";
  return isExtraNode(path) ? "environment" : originOf(path, origins);
}

function isExtraNode(path: string): boolean {
  return /^\/dev\/(?:nvidia-fs|infiniband\/|gdrdrv$|nvidia-nvswitch|nvidia-caps-imex-channels\/)/.test(path);
}

function isGpuNode(path: string): boolean {
  return /^\/dev\/(?:nvidia\d+$|dri\/|nvidia-caps\/)/.test(path);
}
