import { BerthError } from "../../../shared/domain/index.ts";

const MAX_PATH_BYTES = 4095;
const MAX_NAME_BYTES = 255;

/**
 * The path of an archive member relative to the layer's root: "./usr//bin/" -> "usr/bin", "/etc" -> "etc", "./" -> "".
 * An absolute path is taken from the layer's root, as every container engine does; ".." is refused, not resolved.
 * @throws BerthError layer_invalid
 */
export function entryPath(raw: string): string {
  if (raw.includes("\0")) throw invalid(raw, "holds a NUL byte");
  const parts = raw.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw invalid(raw, "climbs out with ..");
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES))
    throw invalid(raw, `has a component longer than ${MAX_NAME_BYTES} bytes`);
  const path = parts.join("/");
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) throw invalid(raw, `is longer than ${MAX_PATH_BYTES} bytes`);
  return path;
}

/** "usr/bin/sh" -> "usr/bin"; "usr" -> "" (the root). */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** "usr/bin/sh" -> "sh"; "usr" -> "usr". */
export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** @throws BerthError layer_invalid */
export function checkLinkTarget(path: string, target: string): void {
  if (target === "" || target.includes("\0") || Buffer.byteLength(target) > MAX_PATH_BYTES) {
    throw invalid(path, `links to ${JSON.stringify(target.slice(0, 200))}, which no link can hold`);
  }
}

function invalid(path: string, why: string): BerthError {
  return new BerthError("layer_invalid", `the entry ${JSON.stringify(path.slice(0, 300))} ${why}`);
}
