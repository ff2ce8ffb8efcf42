import { BerthError } from "../../../shared/domain/index.ts";
import { baseOf, parentOf } from "./entry-path.ts";

/** What a name in a layer tar means (image-spec layer.md, "Whiteouts"). */
export type Meaning =
  | { kind: "entry" }
  /** `path` is deleted. */
  | { kind: "whiteout"; path: string }
  /** Everything that lower layers have in folder `path` is hidden. */
  | { kind: "opaque"; path: string }
  /** Bookkeeping of the long gone AUFS driver. */
  | { kind: "ignored" };

const PREFIX = ".wh.";
const RESERVED_PREFIX = ".wh..wh.";
const OPAQUE = ".wh..wh..opq";

/**
 * Reads a path (already without "." and ".."). ".wh.." and ".wh..." would delete "." and "..": refused.
 * @throws BerthError layer_invalid
 */
export function meaningOf(path: string): Meaning {
  const insideWhiteout = parentOf(path)
    .split("/")
    .some((part) => part.startsWith(PREFIX));
  if (insideWhiteout) throw new BerthError("layer_invalid", `the entry ${JSON.stringify(path)} lies below a whiteout`);
  const name = baseOf(path);
  if (!name.startsWith(PREFIX)) return { kind: "entry" };
  const parent = parentOf(path);
  if (name === OPAQUE) return { kind: "opaque", path: parent };
  if (name.startsWith(RESERVED_PREFIX)) return { kind: "ignored" };
  const hidden = name.slice(PREFIX.length);
  if (hidden === "" || hidden === "." || hidden === "..") {
    throw new BerthError("layer_invalid", `the whiteout ${JSON.stringify(path)} names no file`);
  }
  return { kind: "whiteout", path: parent === "" ? hidden : `${parent}/${hidden}` };
}

/** "usr/bin/sh" -> "usr/bin/.wh.sh". */
export function whiteoutName(path: string): string {
  const parent = parentOf(path);
  return `${parent === "" ? "" : `${parent}/`}${PREFIX}${baseOf(path)}`;
}

/** "usr" -> "usr/.wh..wh..opq". */
export function opaqueName(folder: string): string {
  return folder === "" ? OPAQUE : `${folder}/${OPAQUE}`;
}
