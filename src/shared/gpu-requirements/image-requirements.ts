import { parseGoBool } from "./go-bool.ts";
import { parseRequirement, type Requirement } from "./parse-requirement.ts";
import { invalid } from "./request-limits.ts";

const VARIABLE = /^NVIDIA_REQUIRE_[A-Za-z0-9_]+$/;
/** Of Tegra boards, which have no NVML to hold them against. */
const JETPACK = /JETPACK/;
const MOST_VARIABLES = 64;

export interface ImageRequirements {
  /** All must hold. Sorted by variable. */
  requirements: Requirement[];
  /** NVIDIA_DISABLE_REQUIRE: they are shown but not enforced. */
  disabled: boolean;
}

/**
 * What an environment asks of driver and GPU: every NVIDIA_REQUIRE_* variable, and for images from before them cuda>=X.Y
 * of their CUDA_VERSION.
 * @throws BerthError gpu_request_invalid for a malformed expression; never while they are disabled
 */
export function imageRequirements(env: Readonly<Record<string, string>>): ImageRequirements {
  const disabled = parseGoBool("NVIDIA_DISABLE_REQUIRE", env["NVIDIA_DISABLE_REQUIRE"]);
  if (disabled) return { requirements: [], disabled };
  const names = Object.keys(env).filter((name) => VARIABLE.test(name) && !JETPACK.test(name));
  if (names.length > MOST_VARIABLES) throw invalid(`${names.length} variables NVIDIA_REQUIRE_*; at most ${MOST_VARIABLES} are read`);
  const requirements = names.sort().map((name) => parseRequirement(name, env[name] ?? ""));
  return { requirements: [...requirements, ...legacyRequirement(env)], disabled };
}

/** CUDA images from before 2017 say only CUDA_VERSION; they expect all capabilities and a driver for that CUDA. */
export function isLegacyImage(env: Readonly<Record<string, string>>): boolean {
  return (env["CUDA_VERSION"] ?? "") !== "" && env["NVIDIA_REQUIRE_CUDA"] === undefined;
}

/** "10.2.89" -> cuda>=10.2. People put other things into CUDA_VERSION ("cu118"): those are no requirement. */
function legacyRequirement(env: Readonly<Record<string, string>>): Requirement[] {
  const version = isLegacyImage(env) ? /^v?(\d{1,4})(?:\.(\d{1,4}))?(?:[.-].{0,64})?$/.exec(env["CUDA_VERSION"] ?? "") : null;
  return version ? [parseRequirement("CUDA_VERSION", `cuda>=${version[1]}.${version[2] ?? 0}`)] : [];
}
