import { BerthError, isBerthError } from "../../../shared/domain/index.ts";
import {
  algorithmOf,
  digestHex,
  familiarReference,
  formatReference,
  isDigest,
  parseReference,
  type Reference,
} from "../../../shared/oci/index.ts";
import { digestOfReference, type ImageRecords } from "./image-records.ts";

/** Shorter ones are too easily a name. */
const MIN_PREFIX = 6;

/**
 * The manifest digest of what a person wrote: NAME[:TAG], NAME@DIGEST, DIGEST, or an unambiguous prefix of one (with or
 * without "sha256:" or "sha512:"). Names win over prefixes.
 * @throws BerthError invalid_reference, image_not_found
 */
export function resolveReference(records: ImageRecords, text: string): string {
  if (isDigest(text)) return existing(records, text, text);
  const byPrefix = digestsByPrefix(records, text);
  const byName = nameDigest(records, text, byPrefix.length > 0);
  if (byName !== null) return byName;
  if (byPrefix.length > 1)
    throw new BerthError("invalid_reference", `${JSON.stringify(text)} is the start of ${byPrefix.length} image digests`);
  const [only] = byPrefix;
  if (only === undefined) throw notFound(text);
  return only;
}

function nameDigest(records: ImageRecords, text: string, mayBePrefix: boolean): string | null {
  try {
    const reference = parseReference(text);
    // A digest pins the content; the tag beside it is only for people.
    if (reference.digest !== null) return pinnedDigest(records, reference, reference.digest, text);
    return digestOfReference(records, `${reference.registry}/${reference.repository}:${reference.tag}`);
  } catch (error) {
    if (mayBePrefix && isBerthError(error, "invalid_reference")) return null;
    throw error;
  }
}

/** The image of a digest; where that is an index's, the image that was chosen from it. */
function pinnedDigest(records: ImageRecords, reference: Reference, digest: string, text: string): string {
  const alias = Object.hasOwn(records.images, digest) ? null : digestOfReference(records, formatReference({ ...reference, tag: null }));
  return alias ?? existing(records, digest, text);
}

function digestsByPrefix(records: ImageRecords, text: string): string[] {
  const [, algorithm, prefix = ""] = /^(?:(sha256|sha512):)?([a-f0-9]+)$/.exec(text) ?? [];
  if (prefix.length < MIN_PREFIX) return [];
  const digests = Object.keys(records.images).filter((digest) => algorithm === undefined || algorithm === algorithmOf(digest));
  return digests.filter((digest) => digestHex(digest).startsWith(prefix));
}

function existing(records: ImageRecords, digest: string, text: string): string {
  if (!Object.hasOwn(records.images, digest)) throw notFound(text);
  return digest;
}

function notFound(text: string): BerthError {
  const name = isDigest(text) || /^sha(256|512):/.test(text) ? text : familiarReference(parseReference(text));
  return new BerthError("image_not_found", `no image ${JSON.stringify(name)} on this node`);
}
