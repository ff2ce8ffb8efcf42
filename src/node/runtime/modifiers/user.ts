import type { OciSpec } from "../oci-spec.ts";
import type { SpecInput } from "../spec-input.ts";

/** The user that was looked up in the image's own files. */
export function withUser(spec: OciSpec, input: SpecInput): OciSpec {
  const { uid, gid, additionalGids } = input.user;
  return { ...spec, process: { ...spec.process, user: { uid, gid, additionalGids } } };
}
