import { isDigest } from "../../shared/oci/index.ts";
import { RegistryError } from "./registry-error.ts";

/** distribution spec, "Pulling manifests". Each pattern has one way to match a text, so none can backtrack badly. */
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const SESSION = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MAX_REPOSITORY = 255;

/** "team/trainer"; at most 255 characters, as Docker's registry takes them. */
export const isRepository = (text: string): boolean => text.length <= MAX_REPOSITORY && REPOSITORY.test(text);
/** At most 128 characters, none of them a slash: it becomes a file name. */
export const isTag = (text: string): boolean => TAG.test(text);
/** A lower-case UUID as we made it: it becomes a file name. */
export const isSession = (text: string): boolean => SESSION.test(text);

/** @throws RegistryError NAME_INVALID */
export function checkRepository(text: string): string {
  if (isRepository(text)) return text;
  throw new RegistryError("NAME_INVALID", `${quoted(text)} is not a repository name`);
}

/** @throws RegistryError DIGEST_INVALID */
export function checkDigest(text: string | null): string {
  if (text !== null && isDigest(text)) return text;
  throw new RegistryError("DIGEST_INVALID", text === null ? "the digest is missing" : `${quoted(text)} is not a sha256 or sha512 digest`);
}

/** @throws RegistryError TAG_INVALID */
export function checkTag(text: string): string {
  if (isTag(text)) return text;
  throw new RegistryError("TAG_INVALID", `${quoted(text)} is not a tag`);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
