import { release } from "node:os";
import { BerthError } from "../../../shared/domain/index.ts";
import { readTextIfThere } from "../../platform/index.ts";
import type { OciSeccomp } from "../oci-spec.ts";
import { convertProfile, type SeccompProfile } from "./convert-profile.ts";
import { tighten } from "./tighten.ts";

/** The administrator's own first, then the distribution's. */
const PROFILE_PATHS = ["/etc/containers/seccomp.json", "/usr/local/share/containers/seccomp.json", "/usr/share/containers/seccomp.json"];

/**
 * The machine's default seccomp profile, converted for `capabilities` and tightened.
 * @throws BerthError missing_requirement when there is none: Berth does not run containers without a filter
 */
export async function loadSeccomp(capabilities: readonly string[], paths: readonly string[] = PROFILE_PATHS): Promise<OciSeccomp> {
  const profile = await firstProfile(paths);
  const [major = 0, minor = 0] = release()
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  return tighten(convertProfile(profile, { architecture: process.arch, capabilities, kernel: [major, minor] }), capabilities);
}

async function firstProfile(paths: readonly string[]): Promise<SeccompProfile> {
  for (const path of paths) {
    const text = await readTextIfThere(path);
    if (text !== null) return parseProfile(text, path);
  }
  throw new BerthError("missing_requirement", `no seccomp profile in ${paths.join(", ")}: apt-get install golang-github-containers-common`);
}

function parseProfile(text: string, path: string): SeccompProfile {
  try {
    return JSON.parse(text) as SeccompProfile;
  } catch (error) {
    throw new BerthError("missing_requirement", `seccomp profile ${path} is not JSON`, { cause: error });
  }
}
