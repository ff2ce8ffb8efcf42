import { Readable } from "node:stream";
import { BerthError, isBerthError } from "../../shared/domain/index.ts";
import { type Image, type ImageStore, layeredDockerfile, layeredRecipe, type Progress, writeTar } from "../images/index.ts";
import type { BootstrapCall, BuildCall } from "./local-api/port.ts";

interface Ports {
  store: Pick<ImageStore, "get">;
  /** Makes a distribution's image with mmdebstrap. */
  bootstrap(call: BootstrapCall, progress: Progress, signal: AbortSignal): Promise<Image>;
  build(call: BuildCall, progress: Progress, signal: AbortSignal): Promise<Image>;
}

/**
 * Makes a distribution's image, or one that stands on it: bases that are here are used as they are, those that are missing are
 * made first.
 * @throws BerthError bootstrap_failed, build_failed, and those of bootstrapping
 */
export async function bootstrapRecipe(ports: Ports, call: BootstrapCall, progress: Progress, signal: AbortSignal): Promise<Image> {
  const recipe = layeredRecipe(call.reference);
  if (recipe === null) return ports.bootstrap(call, progress, signal);
  if (call.include.length > 0)
    throw new BerthError("bootstrap_failed", `--include is for distributions; ${recipe.reference} has a list of its own`);
  if ((await present(ports.store, recipe.base)) === null)
    await bootstrapRecipe(ports, { reference: recipe.base, include: [] }, progress, signal);
  const context = Readable.from(writeTar([dockerfile(layeredDockerfile(recipe))]), { objectMode: false });
  const build = { tags: [recipe.reference], dockerfile: "Dockerfile", target: null, buildArgs: {}, noCache: false, context };
  return ports.build(build, progress, signal);
}

async function present(store: Ports["store"], reference: string): Promise<Image | null> {
  try {
    return await store.get(reference);
  } catch (error) {
    if (isBerthError(error, "image_not_found")) return null;
    throw error;
  }
}

function dockerfile(text: string) {
  const body = Buffer.from(text);
  const entry = { path: "Dockerfile", linkPath: "", mode: 0o644, uid: 0, gid: 0, size: body.byteLength, mtimeNs: 0n, xattrs: {} };
  return { entry: { ...entry, type: "file" as const }, body: [body] };
}
