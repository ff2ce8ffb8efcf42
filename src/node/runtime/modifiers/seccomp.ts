import type { OciSpec } from "../oci-spec.ts";
import type { SpecInput } from "../spec-input.ts";

/** The system call filter, already converted for this architecture and capability set. */
export function withSeccomp(spec: OciSpec, input: SpecInput): OciSpec {
  return input.seccomp === null ? spec : { ...spec, linux: { ...spec.linux, seccomp: input.seccomp } };
}
