import { BerthError } from "../domain/index.ts";
import type { ImageConfig } from "./image-config.ts";
import { parseIndex } from "./manifest.ts";
import { isIndexType, isManifestType } from "./media-types.ts";
import type { FetchedManifest } from "./registry/fetch-manifest.ts";

/** GOARCH's name of this machine. */
export function platformArchitecture(): string {
  const names: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", ia32: "386" };
  return names[process.arch] ?? process.arch;
}

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

/** The architectures that an index has an image of Linux for, in its order; [] where it does not say. */
export function linuxArchitectures({ bytes }: Pick<FetchedManifest, "bytes">): string[] {
  const platforms = parseIndex(bytes).manifests.flatMap(({ platform }) => (platform?.os === "linux" ? [platform.architecture] : []));
  return [...new Set(platforms)];
}

/**
 * For an image whose manifest is in no index: nothing was chosen, so what was asked for may be something else.
 * @throws BerthError image_not_found
 */
export function requirePlatform({ os, architecture }: Pick<ImageConfig, "os" | "architecture">, platform: Platform): void {
  if (os === platform.os && architecture === platform.architecture) return;
  throw notMadeFor(platform, [`${os}/${architecture}`]);
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
  throw notMadeFor(platform, [...new Set(offered)]);
}

function notMadeFor(platform: Platform, offered: readonly string[]): BerthError {
  const wanted = [platform.os, platform.architecture, platform.variant].filter((part) => part !== null).join("/");
  return new BerthError(
    "image_not_found",
    `the image is not made for ${wanted}, only for ${offered.slice(0, 20).join(", ") || "nothing"}`,
    {
      details: { hint: "`--platform` chooses another one, where the image is made for several" },
    },
  );
}
