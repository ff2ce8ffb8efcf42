import { realpath } from "node:fs/promises";
import { BerthError } from "../../shared/domain/index.ts";

/**
 * The real path of a host folder or file that may be bound. Links are resolved before the comparison, on both sides, so
 * a link inside an allowed folder cannot lead out of it; the runtime then binds the resolved path.
 * @throws BerthError mount_forbidden when it lies outside every allowed folder or does not exist
 */
export async function resolveBind(source: string, allowed: readonly string[]): Promise<string> {
  if (!source.startsWith("/") || /[\0\n]/.test(source)) throw forbidden(source, "is not an absolute path");
  const real = await realpath(source).catch(() => null);
  // One answer for "missing" and "outside": a job must not learn what exists on the host.
  if (real === null || !(await isAllowed(real, allowed))) throw forbidden(source, "is not in a folder that may be mounted");
  return real;
}

async function isAllowed(real: string, allowed: readonly string[]): Promise<boolean> {
  const folders = await Promise.all(allowed.map((folder) => realpath(folder).catch(() => null)));
  return folders.some((folder) => folder !== null && (real === folder || real.startsWith(folder === "/" ? "/" : `${folder}/`)));
}

function forbidden(source: string, why: string): BerthError {
  return new BerthError("mount_forbidden", `host path ${JSON.stringify(source)} ${why}`);
}
