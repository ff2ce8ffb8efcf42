import type { Clock } from "../../../shared/domain/index.ts";
import type { Native } from "../../platform/index.ts";
import { chooseDriver, type DriverChoice, type StorageDriver } from "./choose-driver.ts";
import { probeOverlay } from "./probe-overlay.ts";
import { unmountAll } from "./unmount.ts";

/** Which driver a node's containers get. The data dir must be there. */
export async function probeDriver(options: {
  dataDir: string;
  native: Native;
  clock: Clock;
  wanted: "auto" | StorageDriver;
}): Promise<DriverChoice> {
  const { dataDir, native, clock, wanted } = options;
  if (wanted !== "auto") return chooseDriver(wanted, null);
  const { failure } = await probeOverlay(
    dataDir,
    native,
    async () => ({}),
    (path) => unmountAll(native, clock, path),
  );
  return chooseDriver(wanted, failure);
}
