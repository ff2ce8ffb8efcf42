import type { DriverRoot } from "../driver-files/cached-driver-root.ts";
import { selectDriverFiles } from "../driver-files/select-driver-files.ts";
import type { Capability, DriverFiles, GpuInventory } from "../types.ts";
import type { CdiSnapshot } from "./keep-cdi-file.ts";
import { makeCdiSpec } from "./make-cdi-spec.ts";

/** Everything but 32-bit libraries: CDI has no way for a container to ask for less. */
export const CDI_CAPABILITIES: readonly Capability[] = ["utility", "compute", "video", "graphics", "display", "ngx"];

export interface CdiSources {
  inventory: () => Promise<GpuInventory>;
  driver: DriverRoot;
  capabilities: readonly Capability[];
}

/** This machine's CDI specification as of now, or why there is none. */
export async function readCdiSnapshot({ inventory, driver, capabilities }: CdiSources): Promise<CdiSnapshot> {
  const [seen, listing] = await Promise.all([inventory(), driver.read()]);
  const files = selectDriverFiles(listing, capabilities, seen.driverVersion);
  const problem = seen.problem ?? incomplete(files);
  if (problem !== null || files === null) return { spec: null, reason: problem };
  const spec = makeCdiSpec({ gpus: seen.gpus, driverFiles: files });
  return { spec, reason: spec === null ? "no healthy GPU with a device node was found" : null };
}

/** Display's node is the one that a machine without a screen rightly lacks. */
function incomplete(files: DriverFiles | null): string | null {
  if (files === null) return "no NVIDIA driver was found";
  if (files.problem !== null) return files.problem;
  if (files.libraries.length === 0) return `no libraries of driver ${files.version} were found`;
  const missing = files.missingNodes.filter((path) => path !== "/dev/nvidia-modeset");
  return missing.length === 0 ? null : `${missing.join(", ")} is missing; \`nvidia-modprobe -c 0 -u\` makes the nodes`;
}
