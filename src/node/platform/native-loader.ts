import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { BerthError, errorText } from "../../shared/domain/index.ts";
import { builtFiles, packageRoot } from "./built-files.ts";
import type { Native } from "./native.ts";

/**
 * Loads the addon. Another build of it (sanitizers) may be named by `path`.
 * @throws BerthError missing_requirement when it is not built or not for this Node
 */
export function loadNative(path: string = builtFiles(packageRoot()).addon): Native {
  if (!existsSync(path)) {
    throw new BerthError("missing_requirement", `the native addon is not built: ${path} is missing: npm run build:native`);
  }
  try {
    return createRequire(import.meta.url)(path) as Native;
  } catch (error) {
    throw new BerthError("missing_requirement", `the native addon ${path} does not load: ${errorText(error)}`, { cause: error });
  }
}
