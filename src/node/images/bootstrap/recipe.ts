import { BerthError } from "../../../shared/domain/index.ts";
import { canonicalJson, digestOf } from "../../../shared/oci/index.ts";
import { FAMILIES, type Release } from "./distributions.ts";
import type { AptSource } from "./host-sources.ts";

/** Everything that decides what an image will hold, but for the day's package versions. */
export interface Recipe {
  release: Release;
  /** Sorted, without doubles. */
  include: string[];
  /** Lines of the image's sources.list. */
  sources: string[];
  /** Names this recipe: an image that carries it need not be made again. */
  id: string;
}

/** Raise when the arguments of mmdebstrap change what comes out. */
const RECIPE_VERSION = 1;
/** Debian policy 5.6.1, with apt's "=version" and "/suite" and ":arch". Nothing that apt or a shell reads as an option or a path. */
const PACKAGE = /^[a-z0-9][a-z0-9+.-]{0,99}(?::[a-z0-9]{1,20})?(?:=[A-Za-z0-9.+:~-]{1,100}|\/[a-z0-9.-]{1,60})?$/;

/**
 * @param hostSources what the host's apt uses: its mirror serves images of its own family
 * @throws BerthError bootstrap_failed for a name that is no package
 */
export function makeRecipe(release: Release, include: readonly string[], hostSources: readonly AptSource[], architecture: string): Recipe {
  const packages = [...new Set(include)].sort();
  const bad = packages.find((name) => !PACKAGE.test(name));
  if (bad !== undefined) throw new BerthError("bootstrap_failed", `${JSON.stringify(bad)} is not a package name`);
  const sources = sourceLines(release, hostSources);
  const id = digestOf(canonicalJson({ version: RECIPE_VERSION, release, include: packages, sources, architecture }));
  return { release, include: packages, sources, id };
}

/** The release, its updates and its security suite, from the host's mirrors where the host is of the same family. */
function sourceLines(release: Release, hostSources: readonly AptSource[]): string[] {
  const { archive, security } = mirrorsOf(release, hostSources);
  const components = release.components.join(" ");
  return [
    `deb ${archive} ${release.codename} ${components}`,
    `deb ${archive} ${release.codename}-updates ${components}`,
    `deb ${security} ${release.codename}-security ${components}`,
  ];
}

function mirrorsOf(release: Release, hostSources: readonly AptSource[]): { archive: string; security: string } {
  const defaults = FAMILIES[release.family];
  const own = hostSources.filter(({ uri, components }) => components.includes("main") && familyOf(uri) === release.family);
  const isSecurity = ({ suite }: AptSource) => suite.endsWith("-security");
  const archive = own.find((source) => !isSecurity(source) && !source.suite.includes("/"))?.uri ?? defaults.archive;
  return { archive, security: own.find(isSecurity)?.uri ?? defaults.security };
}

/** Mirrors keep the family's name as the last part of the path: ".../debian", ".../ubuntu", ".../debian-security". */
function familyOf(uri: string): string | null {
  return /\/(debian|ubuntu)(?:-security|-ports)?$/.exec(uri)?.[1] ?? null;
}
