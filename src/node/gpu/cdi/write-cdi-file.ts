import { mkdir, rm } from "node:fs/promises";
import { basename, dirname, extname } from "node:path";
import { stringify } from "yaml";
import { BerthError } from "../../../shared/domain/index.ts";
import { readTextIfThere, syncFolder, writeFileDurably } from "../../platform/index.ts";
import type { CdiSpec } from "./cdi-types.ts";
import { createCdiCheck } from "./check-cdi-spec.ts";

export type CdiFormat = "yaml" | "json";
export type CdiChange = "written" | "unchanged" | "removed" | "absent";

/**
 * Text of a specification.
 * @throws BerthError internal when it is not valid: nothing that a runtime would stumble over leaves Berth
 */
export function formatCdiSpec(spec: CdiSpec, format: CdiFormat): string {
  const errors = createCdiCheck()(spec);
  if (errors.length > 0) throw new BerthError("internal", `the CDI specification is not valid: ${errors.join("; ")}`);
  return textOf(spec, format);
}

function textOf(spec: CdiSpec, format: CdiFormat): string {
  return format === "json" ? `${JSON.stringify(spec, null, 2)}\n` : stringify(spec, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** Runtimes read *.json and *.yaml and nothing else (CDI spec, "CDI specification files"). */
export function cdiFormatOf(path: string): CdiFormat {
  const extension = extname(path);
  if (extension === ".json" || extension === ".yaml") return extension.slice(1) as CdiFormat;
  throw new BerthError("invalid_request", `${basename(path)}: container runtimes read CDI files named *.json or *.yaml only`);
}

/** Makes the file say `spec`, durably and only if it does not yet; null removes it, so that no stale one stays behind. */
export async function writeCdiFile(path: string, spec: CdiSpec | null, format: CdiFormat): Promise<CdiChange> {
  const present = await readTextIfThere(path);
  if (spec === null) {
    if (present === null) return "absent";
    await rm(path);
    await syncFolder(dirname(path));
    return "removed";
  }
  if (present === textOf(spec, format)) return "unchanged";
  const text = formatCdiSpec(spec, format);
  await mkdir(dirname(path), { recursive: true });
  await writeFileDurably(path, text, { mode: 0o644 });
  return "written";
}
