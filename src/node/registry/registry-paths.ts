import { join } from "node:path";

/**
 * What the registry keeps on disk besides the blobs, which lie in the image store (`blobs/sha256/<hex>`):
 *
 *   registry/lock                                  flock: one server a data dir
 *   registry/config.json                           modes and authentication (written by the operator)
 *   registry/users                                 names, scrypt hashes and grants (written by the operator)
 *   registry/token-key                             0600: signs tokens
 *   registry/repositories/<name with + for />/
 *     blobs/<link>                                 this repository holds the blob; empty file
 *     manifests/<link>                             the same for a manifest, with what is known of it as JSON
 *     tags/<tag>                                   the digest it names
 *   registry/uploads/<uuid>, <uuid>.json           a push in flight: its bytes, its repository
 *
 * <link> is sha256-<hex>, or sha512-<hex>-<hex of the sha256>: the name alone says which file of the store it keeps, and
 * the image store's prune reads nothing but these names.
 */
export interface RegistryPaths {
  folder: string;
  lock: string;
  config: string;
  users: string;
  tokenKey: string;
  repositories: string;
  uploads: string;
  repository(name: string): string;
  blobLink(name: string, link: string): string;
  manifestLink(name: string, link: string): string;
  tag(name: string, tag: string): string;
  upload(uuid: string): string;
}

/** `dataDir` is the node's. Names must have been checked (checkRepository, checkTag): they become parts of paths. */
export function registryPaths(dataDir: string): RegistryPaths {
  const folder = join(dataDir, "registry");
  const repositories = join(folder, "repositories");
  // "+" is in no repository name, so two names never share a folder.
  const repository = (name: string) => join(repositories, name.replaceAll("/", "+"));
  return {
    folder,
    lock: join(folder, "lock"),
    config: join(folder, "config.json"),
    users: join(folder, "users"),
    tokenKey: join(folder, "token-key"),
    repositories,
    uploads: join(folder, "uploads"),
    repository,
    blobLink: (name, link) => join(repository(name), "blobs", link),
    manifestLink: (name, link) => join(repository(name), "manifests", link),
    tag: (name, tag) => join(repository(name), "tags", tag),
    upload: (uuid) => join(folder, "uploads", uuid),
  };
}

/** The file name that says: `digest` is the content `sha256`. */
export function linkName(digest: string, sha256: string): string {
  const name = digest.replace(":", "-");
  return digest.startsWith("sha256:") ? name : `${name}-${sha256.slice("sha256:".length)}`;
}

/** The reverse; null for a leftover of a crash. */
export function parseLink(name: string): { digest: string; sha256: string } | null {
  const [, short] = /^sha256-([a-f0-9]{64})$/.exec(name) ?? [];
  if (short !== undefined) return { digest: `sha256:${short}`, sha256: `sha256:${short}` };
  const [, long, content] = /^sha512-([a-f0-9]{128})-([a-f0-9]{64})$/.exec(name) ?? [];
  return long === undefined ? null : { digest: `sha512:${long}`, sha256: `sha256:${content}` };
}
