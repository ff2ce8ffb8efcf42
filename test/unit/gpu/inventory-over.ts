import { createInventory, type Inventory, type InventoryOptions } from "../../../src/node/gpu/index.ts";
import type { NativeNvml } from "../../../src/node/platform/index.ts";
import { instantClock } from "../../support/nvml-answers.ts";

/** The real inventory over scripted answers of the driver, on a machine that never changes. */
export function inventoryOver(nvml: NativeNvml, changes: Partial<InventoryOptions> = {}): Inventory {
  return createInventory({
    nvml,
    findLibrary: async () => "/lib/libnvidia-ml.so.1",
    fingerprint: async () => "same",
    numaNodes: async () => new Map(),
    simulated: false,
    timeoutMs: 5000,
    clock: instantClock,
    ...changes,
  });
}
