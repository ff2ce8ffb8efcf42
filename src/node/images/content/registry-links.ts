import { join } from "node:path";
import type { StorePaths } from "../paths.ts";
import { namesIn } from "./probe-path.ts";

/**
 * sha256 digests of the blobs that a repository of this node's registry holds, read from the names of its links (written
 * by the registry room, see its registry-paths.ts): whatever process prunes, it keeps them. Who removes blobs calls it
 * under the store lock, which the registry holds when it links.
 */
export async function registryLinks(paths: StorePaths): Promise<Set<string>> {
  const repositories = join(paths.dataDir, "registry", "repositories");
  const linked = new Set<string>();
  for (const repository of await namesIn(repositories)) {
    for (const kind of ["blobs", "manifests"]) {
      for (const name of await namesIn(join(repositories, repository, kind))) {
        const [, hex] = /^(?:sha256|sha512-[a-f0-9]{128})-([a-f0-9]{64})$/.exec(name) ?? [];
        if (hex !== undefined) linked.add(`sha256:${hex}`);
      }
    }
  }
  return linked;
}
