import type { EntryStat, ReadableRoot } from "../../platform/index.ts";
import { imageXattrs } from "../unpack/xattr-policy.ts";

interface Entry {
  root: ReadableRoot;
  stat: EntryStat;
}

/**
 * Whether an entry is what it was: type, owner, mode, time, a file's size, a link's target, extended attributes. Content is not
 * read: as for rsync and Docker's vfs driver, a file of the same size and time (in nanoseconds) is the same.
 */
export async function sameEntry(path: string, now: Entry, before: Entry): Promise<boolean> {
  const [a, b] = [now.stat, before.stat];
  if (a.kind !== b.kind || a.uid !== b.uid || a.gid !== b.gid || a.mtimeNs !== b.mtimeNs) return false;
  if (a.kind === "symlink") return (await now.root.readlink(path)) === (await before.root.readlink(path));
  if (a.mode !== b.mode || (a.kind === "file" && a.size !== b.size)) return false;
  return sameXattrs(imageXattrs(await now.root.xattrs(path)), imageXattrs(await before.root.xattrs(path)));
}

function sameXattrs(a: Record<string, Buffer>, b: Record<string, Buffer>): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name]?.equals(b[name] as Buffer) === true)
  );
}
