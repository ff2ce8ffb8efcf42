import { BerthError } from "../../../shared/domain/index.ts";
import {
  type FetchedManifest,
  isIndexType,
  isManifestType,
  parseIndex,
  type Reference,
  type RegistryClient,
} from "../../../shared/oci/index.ts";
import { platformArchitecture } from "../archive/load-oci-layout.ts";

/** An index may hold an index; deeper nesting has no use and could be a cycle. */
const MAX_DEPTH = 2;

export interface Platform {
  os: string;
  architecture: string;
  /** "v7" of arm; null takes any. */
  variant: string | null;
}

/** "linux/arm64", "linux/arm/v7"; null is this machine's. @throws BerthError invalid_request */
export function parsePlatform(text: string | null): Platform {
  if (text === null) return { os: "linux", architecture: platformArchitecture(), variant: null };
  const [, os, architecture, variant] = /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9]+))?$/.exec(text) ?? [];
  if (os === undefined || architecture === undefined)
    throw new BerthError("invalid_request", `platform ${JSON.stringify(text)} is not OS/ARCHITECTURE[/VARIANT]`, { field: "/platform" });
  return { os, architecture, variant: variant ?? null };
}

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

/** The first entry that fits, as every client takes it; attestations have the platform unknown/unknown. */
export function choosePlatform(index: Pick<FetchedManifest, "bytes" | "digest">, platform: Platform): string {
  const entries = parseIndex(index.bytes).manifests.filter(({ mediaType }) => isManifestType(mediaType) || isIndexType(mediaType));
  const fits = entries.filter((entry) => {
    const offered = entry.platform;
    if (offered === undefined) return entries.length === 1 || isIndexType(entry.mediaType);
    return offered.os === platform.os && offered.architecture === platform.architecture;
  });
  const exact = fits.find((entry) => platform.variant === null || entry.platform?.variant === platform.variant);
  if (exact !== undefined) return exact.digest;
  const offered = entries.flatMap((entry) => (entry.platform ? [[entry.platform.os, entry.platform.architecture].join("/")] : []));
  const wanted = [platform.os, platform.architecture, platform.variant].filter((part) => part !== null).join("/");
  throw new BerthError(
    "image_not_found",
    `the image is not made for ${wanted}, only for ${[...new Set(offered)].slice(0, 20).join(", ") || "nothing"}`,
  );
}
