import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { BerthError, errorText } from "../../shared/domain/index.ts";
import { builtFiles, packageRoot } from "./built-files.ts";
import type { Native } from "./native.ts";

/** As a record, so that the compiler asks for a call that is added. */
const CALLS: Record<keyof Native, true> = {
  mount: true,
  unmount: true,
  mountOverlay: true,
  createUserNamespace: true,
  openRoot: true,
  syncFileSystem: true,
  spreadSubfolders: true,
  freeBuffer: true,
  bootTimeMs: true,
  tryLock: true,
  rlimit: true,
  signalProcess: true,
  createGunzip: true,
  nvml: true,
};

/**
 * Loads the addon. Another build of it (sanitizers) may be named by `path`.
 * @throws BerthError missing_requirement when it is not built, not for this Node, or of an older checkout
 */
export function loadNative(path: string = builtFiles(packageRoot()).addon): Native {
  if (!existsSync(path)) {
    throw new BerthError("missing_requirement", `the native addon is not built: ${path} is missing: npm run build:native`);
  }
  const addon = required(path);
  const absent = Object.keys(CALLS).filter((call) => !(call in addon));
  if (absent.length > 0) {
    const older = `the native addon ${path} is older than this checkout: it has no ${absent.join(", ")}: npm run build:native`;
    throw new BerthError("missing_requirement", older);
  }
  return addon;
}

function required(path: string): Native {
  try {
    return createRequire(import.meta.url)(path) as Native;
  } catch (error) {
    throw new BerthError("missing_requirement", `the native addon ${path} does not load: ${errorText(error)}`, { cause: error });
  }
}
