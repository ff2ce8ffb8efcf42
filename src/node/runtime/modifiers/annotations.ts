import type { OciSpec } from "../oci-spec.ts";
import type { SpecInput } from "../spec-input.ts";

/**
 * Only Berth's own annotation. Labels of images and jobs never become annotations: runtimes take some as commands
 * ("run.oci.*" of crun).
 */
export function withAnnotations(spec: OciSpec, input: SpecInput): OciSpec {
  return { ...spec, annotations: { "dev.berth.container": input.id } };
}
