import { join } from "node:path";
import { type Clock, errorText, pause } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import { CDI_CAPABILITIES, createDriverRoot, type GpuHost, keepCdiFile, readCdiSnapshot } from "../gpu/index.ts";

const FILE_NAME = "berth.yaml";
const EVERY_MS = 5000;
const AFTER_ERROR_MS = 30_000;

export interface CdiKeeping {
  /** Null: this machine's containers get their GPUs through Berth alone. */
  cdiDir: string | null;
  gpuHost: Pick<GpuHost, "inventory">;
  driverRoot: string;
  clock: Clock;
  log: Logger;
}

/** Keeps the node's CDI file true until `signal`. A full disk or a folder gone is logged and tried again: jobs go on meanwhile. */
export async function keepCdiSpec(keeping: CdiKeeping, signal: AbortSignal): Promise<void> {
  const { cdiDir, gpuHost, clock, log } = keeping;
  if (cdiDir === null) return;
  const driver = createDriverRoot(keeping.driverRoot);
  const watch = {
    path: join(cdiDir, FILE_NAME),
    format: "yaml" as const,
    current: () => readCdiSnapshot({ inventory: () => gpuHost.inventory(), driver, capabilities: CDI_CAPABILITIES }),
    everyMs: EVERY_MS,
    clock,
    changed: (change: string, { reason }: { reason: string | null }) =>
      log.info({ file: join(cdiDir, FILE_NAME), change, reason }, "CDI file"),
  };
  while (!signal.aborted) {
    try {
      await keepCdiFile(watch, signal);
    } catch (error) {
      log.error({ cdiDir, error: errorText(error) }, "the CDI file could not be kept true; trying again");
      await pause(clock, AFTER_ERROR_MS, signal);
    }
  }
}
