import { BerthError, isBerthError } from "../../../shared/domain/index.ts";
import { familiarReference, normaliseReference, parseReference } from "../../../shared/oci/index.ts";
import { type ImageRecords, withoutImages, withoutReference } from "./image-records.ts";
import { resolveReference } from "./resolve-reference.ts";

export interface Removal {
  records: ImageRecords;
  result: { untagged: string[]; deleted: string[] };
}

/**
 * By name: that name goes, and the image with its last one. By digest: the image goes; with `force`, with all its names. Pure.
 * @throws BerthError conflict (a digest, and several names), image_not_found, invalid_reference
 */
export function removalOf(records: ImageRecords, text: string, force: boolean): Removal {
  const digest = resolveReference(records, text);
  const names = records.images[digest]?.references ?? [];
  const name = names.find((candidate) => candidate === normalisedOrNull(text));
  if (name === undefined && names.length > 1 && !force) throw severalNames(text, names);
  const untagged = name === undefined ? names : [name];
  const left = untagged.reduce(withoutReference, records);
  const gone = left.images[digest]?.references.length === 0;
  return { records: gone ? withoutImages(left, new Set([digest])) : left, result: { untagged, deleted: gone ? [digest] : [] } };
}

function severalNames(text: string, names: readonly string[]): BerthError {
  const shown = names.slice(0, 5).map((name) => familiarReference(parseReference(name)));
  const rest = names.length > shown.length ? `, and ${names.length - shown.length} more` : "";
  return new BerthError("conflict", `the image ${JSON.stringify(text)} has ${names.length} names: ${shown.join(", ")}${rest}`, {
    details: { hint: "remove it by its names, or all of them with `berth images rm --force`" },
  });
}

/** What was written may also be a digest or its prefix, which no name is. */
function normalisedOrNull(text: string): string | null {
  try {
    return normaliseReference(text);
  } catch (error) {
    if (isBerthError(error, "invalid_reference")) return null;
    throw error;
  }
}
