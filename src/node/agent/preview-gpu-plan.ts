import type { GpuHost, PlanPreview } from "../gpu/index.ts";
import type { ImageStore, Snapshots } from "../images/index.ts";
import { environmentOf } from "../runtime/index.ts";

export interface GpuPlanCall {
  image: string;
  /** As `--gpus` has it. */
  gpus: string;
  /** What a job would add to the image's environment. */
  env: Record<string, string>;
}

export interface PreviewParts {
  images: Pick<ImageStore, "get" | "unpack">;
  snapshots: Pick<Snapshots, "lowerDirs">;
  gpuHost: Pick<GpuHost, "preview">;
}

/**
 * What a job of an image would get injected, without running it. The image is unpacked if it was not: the forward
 * compatibility libraries are looked for in its layers.
 * @throws BerthError image_not_found, gpu_request_invalid, gpu_unavailable, forbidden
 */
export async function previewGpuPlan(parts: PreviewParts, call: GpuPlanCall, signal: AbortSignal): Promise<PlanPreview> {
  const image = await parts.images.get(call.image);
  await parts.images.unpack(image, () => undefined, signal);
  const process = { image: { entrypoint: [], cmd: [], env: image.config.config.Env ?? [], workingDir: "" }, env: call.env };
  const env = environmentOf({ ...process, command: null, args: null, workdir: null });
  const lowerDirs = await parts.snapshots.lowerDirs(image.chainIds);
  return parts.gpuHost.preview({ gpus: call.gpus, rootfs: { env, lowerDirs } });
}
