import { BerthError } from "../../../shared/domain/index.ts";
import type { OciSeccomp, OciSyscallRule } from "../oci-spec.ts";

interface Condition {
  caps?: string[];
  arches?: string[];
  minKernel?: string;
}

interface ProfileRule {
  names?: string[];
  name?: string;
  action: string;
  args?: { index: number; value: number; valueTwo: number; op: string }[] | null;
  errnoRet?: number;
  includes?: Condition;
  excludes?: Condition;
}

/** seccomp.json of containers-common and moby: OCI's form plus conditions and an architecture map. */
export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number;
  archMap?: { architecture: string; subArchitectures: string[] | null }[];
  syscalls: ProfileRule[];
}

/** Node's architecture -> Go's word in conditions, and libseccomp's word. */
const ARCHITECTURES: Record<string, { condition: string; seccomp: string }> = {
  x64: { condition: "amd64", seccomp: "SCMP_ARCH_X86_64" },
  arm64: { condition: "arm64", seccomp: "SCMP_ARCH_AARCH64" },
};

export interface ConvertTarget {
  /** Node's `process.arch`. */
  architecture: string;
  /** What the container will hold. */
  capabilities: readonly string[];
  /** [6, 18] */
  kernel: readonly [number, number];
}

/**
 * The profile's rules that hold for this machine and capability set, in OCI form (runtime-spec config-linux.md, Seccomp).
 * @throws BerthError missing_requirement on an architecture the profile does not know
 */
export function convertProfile(profile: SeccompProfile, target: ConvertTarget): OciSeccomp {
  const words = ARCHITECTURES[target.architecture];
  if (!words) throw new BerthError("missing_requirement", `no seccomp profile for the architecture ${target.architecture}`);
  const subArchitectures = profile.archMap?.find((entry) => entry.architecture === words.seccomp)?.subArchitectures ?? [];
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: [words.seccomp, ...subArchitectures],
    syscalls: profile.syscalls.filter((rule) => applies(rule, words.condition, target)).map(toOci),
  };
}

function applies(rule: ProfileRule, architecture: string, target: ConvertTarget): boolean {
  const { includes = {}, excludes = {} } = rule;
  const included =
    (includes.caps ?? []).every((name) => target.capabilities.includes(name)) &&
    (!includes.arches?.length || includes.arches.includes(architecture)) &&
    (!includes.minKernel || atLeast(target.kernel, includes.minKernel));
  const excluded =
    (excludes.caps ?? []).some((name) => target.capabilities.includes(name)) ||
    (excludes.arches ?? []).includes(architecture) ||
    (excludes.minKernel !== undefined && excludes.minKernel !== "" && atLeast(target.kernel, excludes.minKernel));
  return included && !excluded;
}

function atLeast(kernel: readonly [number, number], wanted: string): boolean {
  const [major = 0, minor = 0] = wanted.split(".").map(Number);
  return kernel[0] > major || (kernel[0] === major && kernel[1] >= minor);
}

function toOci(rule: ProfileRule): OciSyscallRule {
  return {
    names: rule.names ?? (rule.name === undefined ? [] : [rule.name]),
    action: rule.action,
    ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
    ...(rule.args?.length ? { args: rule.args } : {}),
  };
}
