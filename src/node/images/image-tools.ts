import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Clock } from "../../shared/domain/index.ts";
import type { Native } from "../platform/index.ts";
import { type CommitOptions, commitContainer, diffContainer, exportContainer } from "./export/container-files.ts";
import type { FileChange } from "./export/diff-layers.ts";
import { type ImportOptions, importTar } from "./export/import-tar.ts";
import { storePaths } from "./paths.ts";
import { type Rebased, type RebaseOptions, rebaseImage } from "./rebase/rebase-image.ts";
import { type ScrubOptions, type ScrubReport, scrubStore } from "./scrub/scrub-store.ts";
import { type VerifyReport, verifyImage } from "./scrub/verify-image.ts";
import type { TrustGate } from "./trust/trust-gate.ts";
import type { Image, ImageStore, Progress, Snapshots } from "./types.ts";
import { type StoreUsage, storeUsage } from "./usage/store-usage.ts";

export interface ImageToolsOptions {
  /** The image store's data dir; containers are in <dataDir>/containers, driver layers in <dataDir>/gpu-layers. */
  dataDir: string;
  native: Native;
  clock: Clock;
  store: ImageStore;
  snapshots: Snapshots;
  /** What an image may be rebased from and onto; everything when left out. */
  trust?: Pick<TrustGate, "admitImage">;
}

/** A container of the engine, running or ended, not removed. */
export interface ContainerRef {
  id: string;
  imageDigest: string;
  gpuUuids: readonly string[];
}

/** What is done with images besides running them. */
export interface ImageTools {
  usage(): Promise<StoreUsage>;
  verify(reference: string, progress: Progress, signal: AbortSignal): Promise<VerifyReport>;
  scrub(options: ScrubOptions, progress: Progress, signal: AbortSignal): Promise<ScrubReport>;
  rebase(options: RebaseOptions, signal: AbortSignal): Promise<Rebased>;
  import(tar: Readable, options: ImportOptions, signal: AbortSignal): Promise<Image>;
  diffContainer(container: ContainerRef): Promise<FileChange[]>;
  exportContainer(container: ContainerRef, signal: AbortSignal): Promise<Readable>;
  commitContainer(container: ContainerRef, options: CommitOptions, signal: AbortSignal): Promise<Image>;
}

/** Shares the store's data dir and its lock; it holds nothing of its own. */
export function createImageTools(options: ImageToolsOptions): ImageTools {
  const { dataDir, store } = options;
  const ports = { ...options, paths: storePaths(dataDir), driverLayers: join(dataDir, "gpu-layers") };
  const place = ({ id, imageDigest, gpuUuids }: ContainerRef) => ({
    dir: join(dataDir, "containers", id),
    imageDigest,
    gpus: gpuUuids.length > 0,
  });
  return {
    usage: () => storeUsage(ports),
    verify: (reference, progress, signal) => verifyImage(ports, reference, progress, signal),
    scrub: (wanted, progress, signal) => scrubStore(ports, wanted, progress, signal),
    rebase: (wanted, signal) => rebaseImage(store, options.trust ?? null, wanted, signal),
    import: (tar, wanted, signal) => importTar(ports, tar, wanted, signal),
    diffContainer: (container) => diffContainer(ports, place(container)),
    exportContainer: (container, signal) => exportContainer(ports, place(container), signal),
    commitContainer: (container, wanted, signal) => commitContainer(ports, place(container), wanted, signal),
  };
}
