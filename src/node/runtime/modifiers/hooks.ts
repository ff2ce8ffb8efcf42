import type { OciSpec } from "../oci-spec.ts";
import type { SpecInput } from "../spec-input.ts";

/** The engine's own hooks; an image can never bring one. */
export function withHooks(spec: OciSpec, input: SpecInput): OciSpec {
  return input.prestartHooks.length === 0 ? spec : { ...spec, hooks: { prestart: input.prestartHooks } };
}
