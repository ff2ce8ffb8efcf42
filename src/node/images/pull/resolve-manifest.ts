import { BerthError } from "../../../shared/domain/index.ts";
import { choosePlatform, type FetchedManifest, type Platform, type Reference, type RegistryClient } from "../../../shared/oci/index.ts";

/** An index may hold an index; deeper nesting has no use and could be a cycle. */
const MAX_DEPTH = 2;

export interface ResolvedManifest {
  manifest: FetchedManifest;
  /** Digest of what the name itself pointed at: the index's, where there is one. */
  pointedAt: string;
  /** Those that led to the manifest, outermost first. */
  indexes: Buffer[];
}

/**
 * Looks a name up once: from here on everything goes by digest, so a tag that moves meanwhile changes nothing.
 * @throws BerthError image_not_found (also for a platform the image does not have), image_invalid, registry_*
 */
export async function resolveManifest(
  client: RegistryClient,
  reference: Reference,
  platform: Platform,
  signal: AbortSignal,
): Promise<ResolvedManifest> {
  const { repository } = reference;
  const first = await client.manifest(repository, reference.digest ?? reference.tag ?? "latest", signal);
  let found = first;
  const indexes: Buffer[] = [];
  for (let depth = 0; found.kind === "index"; depth++) {
    if (depth === MAX_DEPTH) throw new BerthError("image_invalid", `index ${found.digest} is nested too deep`);
    indexes.push(found.bytes);
    found = await client.manifest(repository, choosePlatform(found, platform), signal);
  }
  return { manifest: found, pointedAt: first.digest, indexes };
}
