import { mkdir, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Native } from "../../platform/index.ts";

/** The folders of one run, below a folder of its own. */
export interface HookPlaces {
  hookDir: string;
  /** Where mmdebstrap puts the chroot. */
  temporary: string;
  /** "name=version" lines of what was installed. */
  packageList: string;
  /** Packages that this run fetched or used. */
  fetched: string;
}

/** apt fetches what is not there, so packages of an earlier run are put there first. Hard links: no byte is copied. */
const SETUP = `#!/bin/sh
set -eu
archives="$1/var/cache/apt/archives"
mkdir -p "$archives/partial"
find "$(dirname "$0")/../cache/" -maxdepth 1 -name '*.deb' -exec cp --link --target-directory="$archives" {} +
`;

/** The package list names what is in the image; hostname and resolver are the host's, not the image's. */
const CUSTOMIZE = `#!/bin/sh
set -eu
run="$(dirname "$0")/.."
dpkg-query --admindir="$1/var/lib/dpkg" --show --showformat='\${Package}:\${Architecture}=\${Version}\\n' | LC_ALL=C sort >"$run/packages"
find "$1/var/cache/apt/archives" -maxdepth 1 -name '*.deb' -exec cp --link --target-directory="$run/fetched" {} +
rm -f "$1/etc/hostname" "$1/etc/resolv.conf" "$1/var/lib/dbus/machine-id" "$1/var/log/bootstrap.log"
find "$1/var/log" -type f -delete
find "$1/var/cache/debconf" -name '*-old' -delete
find "$1/var/lib/dpkg" -maxdepth 1 -name '*-old' -delete
`;

/** More than a few base images' worth of packages; the oldest go first. */
const CACHE_LIMIT_BYTES = 2 * 1024 ** 3;

/** Writes the hooks of a run into `runDir`, which is on the file system of `cache` (hard links). */
export async function writeHooks(runDir: string, cache: string): Promise<HookPlaces> {
  const place = (name: string) => join(runDir, name);
  for (const path of [cache, place("hooks"), place("tmp"), place("fetched")]) await mkdir(path, { recursive: true, mode: 0o700 });
  await symlink(cache, place("cache"));
  await writeFile(place("hooks/setup00-cache.sh"), SETUP, { mode: 0o700 });
  await writeFile(place("hooks/customize90-clean.sh"), CUSTOMIZE, { mode: 0o700 });
  return { hookDir: place("hooks"), temporary: place("tmp"), packageList: place("packages"), fetched: place("fetched") };
}

/** Moves a run's packages into the cache once they are on disk whole: apt looks at their size only. */
export async function keepPackages(native: Pick<Native, "syncFileSystem">, fetched: string, cache: string): Promise<void> {
  await native.syncFileSystem(fetched);
  for (const name of await readdir(fetched)) await rename(join(fetched, name), join(cache, name));
  const files = await Promise.all((await readdir(cache)).map(async (name) => ({ name, stat: await stat(join(cache, name)) })));
  let total = 0;
  for (const { name, stat: file } of files.sort((a, b) => b.stat.ctimeMs - a.stat.ctimeMs)) {
    total += file.size;
    if (total > CACHE_LIMIT_BYTES) await rm(join(cache, name));
  }
}
