import { Ajv } from "ajv";
import { CDI_SCHEMA } from "./cdi-schema.ts";
import type { CdiSpec } from "./cdi-types.ts";
import { minimalCdiVersion } from "./minimal-version.ts";

/** Why a value is no valid CDI specification, each with the place; empty when it is one. */
export type CdiCheck = (value: unknown) => string[];

/** Compiling the schema costs some 20 ms: make one check for many values. */
export function createCdiCheck(): CdiCheck {
  const validate = new Ajv({ allErrors: true, strict: false }).compile<CdiSpec>(CDI_SCHEMA);
  return (value) => {
    if (!validate(value)) return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || "/"} ${message}`);
    return [...repeatedNames(value), ...tooNew(value)];
  };
}

function repeatedNames({ devices }: CdiSpec): string[] {
  const names = devices.map((device) => device.name);
  return names.filter((name, at) => names.indexOf(name) !== at).map((name) => `/devices: ${name} is there twice`);
}

/** A reader of that version would ignore or refuse what it does not know. */
function tooNew(spec: CdiSpec): string[] {
  const needed = minimalCdiVersion(spec);
  return compareVersions(spec.cdiVersion, needed) < 0
    ? [`/cdiVersion ${spec.cdiVersion} is older than ${needed}, which the members need`]
    : [];
}

function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
