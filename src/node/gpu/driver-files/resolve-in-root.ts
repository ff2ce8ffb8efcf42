import { readlink } from "node:fs/promises";

/** Linux's own limit (path_resolution(7)). */
const MAX_LINKS = 40;

/** Absolute path on the host of what `path` names below the root, every link followed; null when there is nothing. */
export type RootResolver = (path: string) => Promise<string | null>;

/**
 * Follows symbolic links as a process whose root is `root` would: an absolute target starts at `root` again, ".." stops there.
 * A driver container's links are meant that way, and on the host they would lead to files of another system.
 * Links are remembered, so one resolver is good for one look at the root.
 */
export function createRootResolver(root: string): RootResolver {
  const base = root === "/" ? "" : root.replace(/\/+$/, "");
  const links = new Map<string, Promise<string | null>>();
  const linkAt = (path: string): Promise<string | null> => {
    const known = links.get(path) ?? readLink(path);
    links.set(path, known);
    return known;
  };
  return async (path) => {
    const ahead = path.split("/").reverse();
    let done: string[] = [];
    for (let followed = 0; ahead.length > 0; ) {
      const part = ahead.pop() as string;
      if (part === "" || part === ".") continue;
      const target = part === ".." ? null : await linkAt([base, ...done, part].join("/"));
      if (target === MISSING) return null;
      if (part === "..") done.pop();
      else if (target === null) done.push(part);
      else {
        if (++followed > MAX_LINKS) return null;
        if (target.startsWith("/")) done = [];
        ahead.push(...target.split("/").reverse());
      }
    }
    return [base, ...done].join("/") || "/";
  };
}

/** No link's target is empty (symlink(2)). */
const MISSING = "";

/** Null when it is no link. */
async function readLink(path: string): Promise<string | null> {
  try {
    return await readlink(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EINVAL") return null;
    if (code === "ENOENT" || code === "ENOTDIR") return MISSING;
    throw error;
  }
}
