import type { Clock } from "../../shared/domain/index.ts";
import type { Native } from "../platform/index.ts";
import { storePaths } from "./paths.ts";
import { type ScrubOptions, type ScrubReport, scrubStore } from "./scrub/scrub-store.ts";
import { type VerifyReport, verifyImage } from "./scrub/verify-image.ts";
import type { ImageStore, Progress, Snapshots } from "./types.ts";
import { type StoreUsage, storeUsage } from "./usage/store-usage.ts";

export interface ImageToolsOptions {
  /** The image store's data dir. */
  dataDir: string;
  native: Native;
  clock: Clock;
  store: ImageStore;
  snapshots: Snapshots;
}

/** What is done with images besides running them. */
export interface ImageTools {
  usage(): Promise<StoreUsage>;
  verify(reference: string, progress: Progress, signal: AbortSignal): Promise<VerifyReport>;
  scrub(options: ScrubOptions, progress: Progress, signal: AbortSignal): Promise<ScrubReport>;
}

export function createImageTools(options: ImageToolsOptions): ImageTools {
  const ports = { ...options, paths: storePaths(options.dataDir) };
  return {
    usage: () => storeUsage(ports),
    verify: (reference, progress, signal) => verifyImage(ports, reference, progress, signal),
    scrub: (wanted, progress, signal) => scrubStore(ports, wanted, progress, signal),
  };
}
