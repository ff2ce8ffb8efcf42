import type { Recipe } from "./recipe.ts";

/** Left out of the image, and by dpkg's own configuration of everything installed in it later. Licences stay. */
const PATH_RULES = [
  "path-exclude=/usr/share/doc/*",
  "path-include=/usr/share/doc/*/copyright",
  "path-exclude=/usr/share/man/*",
  "path-exclude=/usr/share/info/*",
  "path-exclude=/usr/share/lintian/*",
  "path-exclude=/usr/share/locale/*",
  "path-include=/usr/share/locale/locale.alias",
];

/**
 * The arguments of mmdebstrap(1) for a recipe; the tar goes to stdout. The chroot is made in root mode: owners are real,
 * and its mounts live in a mount namespace of mmdebstrap's own, so killing it leaves none.
 */
export function mmdebstrapArguments(recipe: Recipe, options: { hookDir: string; signedBy: string | null }): string[] {
  const sources =
    options.signedBy === null ? recipe.sources : recipe.sources.map((line) => line.replace("deb ", `deb [signed-by=${options.signedBy}] `));
  return [
    "--mode=root",
    "--variant=minbase",
    "--format=tar",
    ...(recipe.include.length === 0 ? [] : [`--include=${recipe.include.join(",")}`]),
    ...PATH_RULES.map((rule) => `--dpkgopt=${rule}`),
    '--aptopt=Acquire::Languages "none"',
    // The cache of packages stands in for what apt would fetch: see hooks.ts.
    "--skip=download/empty,essential/unlink",
    `--hook-dir=${options.hookDir}`,
    recipe.release.codename,
    "-",
    ...sources,
  ];
}
