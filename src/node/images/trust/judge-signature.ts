import type { KeyObject } from "node:crypto";
import { errorText, isBerthError } from "../../../shared/domain/index.ts";
import { parseBundle, parseReference, parseSimpleSigning, type SignedClaim, verifiesWith } from "../../../shared/oci/index.ts";
import type { StoredSignature } from "./evidence.ts";
import { repositoryOf } from "./policy.ts";

/** What a signature must be to admit an image. */
export interface Demand {
  keys: readonly KeyObject[];
  /** Of the image's manifest, and of the indexes that hold it. */
  digests: readonly string[];
  /** "registry.example/team/app"; null lets a signature name any repository. */
  repository: string | null;
}

/**
 * Null when the signature admits the image, else why not. Its bytes are looked into only after one of the keys has been found
 * to have signed them.
 */
export function judgeSignature(signature: StoredSignature, demand: Demand): string | null {
  try {
    const claims = verifiedClaims(signature, demand.keys);
    if (claims === null) return "none of the policy's keys made it";
    const problems = claims.map((claim) => problemOf(claim, demand));
    return problems.includes(null) ? null : (problems[0] ?? "it says nothing");
  } catch (error) {
    if (isBerthError(error, "image_invalid")) return errorText(error);
    throw error;
  }
}

function verifiedClaims(signature: StoredSignature, keys: readonly KeyObject[]): SignedClaim[] | null {
  if (signature.kind === "simple") {
    const payload = Buffer.from(signature.payload, "base64");
    return verifiesWith(keys, payload, Buffer.from(signature.signature, "base64")) ? [parseSimpleSigning(payload)] : null;
  }
  const bundle = parseBundle(Buffer.from(signature.bundle, "base64"));
  return bundle.signatures.some((bytes) => verifiesWith(keys, bundle.signed, bytes)) ? bundle.claims() : null;
}

function problemOf(claim: SignedClaim, { digests, repository }: Demand): string | null {
  if (!digests.includes(claim.digest)) return `it is about ${claim.digest}`;
  if (repository === null) return null;
  if (claim.reference === null) return `it names no repository (the policy's "identity": "any" would take it)`;
  const signed = repositoryNamed(claim.reference);
  return signed === repository ? null : `it is for ${JSON.stringify(claim.reference.slice(0, 300))}, not for ${repository}`;
}

function repositoryNamed(text: string): string | null {
  try {
    return repositoryOf(parseReference(text));
  } catch (error) {
    if (isBerthError(error, "invalid_reference")) return null;
    throw error;
  }
}
