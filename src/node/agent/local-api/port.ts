import type { Readable } from "node:stream";
import type { NodeFacts } from "../../../shared/domain/index.ts";
import type { Logger } from "../../../shared/observe/index.ts";
import type { RegistryAccess } from "../../../shared/oci/index.ts";
import type { Engine } from "../../engine/index.ts";
import type { GpuStatusReport, PlanPreview } from "../../gpu/index.ts";
import type { Image, ImageStore, ImageTools, Progress, TrustGate } from "../../images/index.ts";
import type { GpuPlanCall } from "../preview-gpu-plan.ts";
import type { Slots } from "../slots.ts";

export interface BuildCall {
  /** The image gets all of them; none is fine. */
  tags: string[];
  /** Path inside the context. */
  dockerfile: string;
  target: string | null;
  buildArgs: Record<string, string>;
  noCache: boolean;
  /** Uncompressed tar. */
  context: Readable;
}

export interface BootstrapCall {
  reference: string;
  /** Extra Debian packages. */
  include: string[];
}

/** How GPUs get into containers here. */
export interface GpuInjection {
  driverRoot: string;
  simulated: boolean;
  hook: string;
  /** Why the driver could not be read; null when it could, or there is none. */
  problem: string | null;
}

/** What the routes of node.sock act on. */
export interface LocalApiPort {
  images: ImageStore;
  imageTools: ImageTools;
  trust: TrustGate;
  registries: Pick<RegistryAccess, "clientFor">;
  engine: Pick<Engine, "list">;
  build(call: BuildCall, progress: Progress, signal: AbortSignal): Promise<Image>;
  bootstrap(call: BootstrapCall, progress: Progress, signal: AbortSignal): Promise<Image>;
  /** Builds and bootstraps: one at a time, they want the whole machine. */
  heavy: Slots;
  facts(): NodeFacts;
  gpu(): GpuInjection;
  gpus(): GpuStatusReport;
  /** Lets go of the driver for so long; false when it hangs. */
  releaseGpus(milliseconds: number): Promise<boolean>;
  gpuPlan(call: GpuPlanCall, signal: AbortSignal): Promise<PlanPreview>;
  metrics: { text(): Promise<string>; contentType: string };
  log: Logger;
}
