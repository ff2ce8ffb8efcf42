import { isBerthError } from "../../domain/index.ts";
import { type ArtifactDescriptor, parseAnyIndex } from "../artifact.ts";
import { canonicalJson } from "../canonical-json.ts";
import { digestOf } from "../digest.ts";
import { MEDIA_TYPES } from "../media-types.ts";
import { referrersTag } from "../registry/fetch-referrers.ts";
import type { Side } from "./copy-image.ts";

/**
 * Lists referrers at the tag that stands for a subject, for registries without the referrers API (distribution spec,
 * "Referrers Tag Schema"). What is listed already stays.
 */
export async function listByTag({ client, repository }: Side, subject: string, added: readonly ArtifactDescriptor[], signal: AbortSignal) {
  const tag = referrersTag(subject);
  const known = await listedAt({ client, repository }, tag, signal);
  const fresh = added.filter(({ digest }) => !known.some((other) => other.digest === digest));
  if (fresh.length === 0) return;
  const bytes = Buffer.from(canonicalJson({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [...known, ...fresh] }));
  await client.putManifest(repository, tag, { bytes, mediaType: MEDIA_TYPES.index, digest: digestOf(bytes) }, signal);
}

async function listedAt({ client, repository }: Side, tag: string, signal: AbortSignal): Promise<ArtifactDescriptor[]> {
  try {
    return parseAnyIndex((await client.manifest(repository, tag, signal)).bytes).manifests;
  } catch (error) {
    if (isBerthError(error, "image_not_found")) return [];
    throw error;
  }
}
