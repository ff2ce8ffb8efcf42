import type { EntryStat, ReadableRoot } from "../../platform/index.ts";
import { joined, lookUp, type MergedEntry, namesIn } from "../export/merged-layers.ts";
import { sameEntry } from "./same-entry.ts";

/**
 * A copy of layers that a container has changed, read as overlayfs would have left it: only what differs from the layers, and
 * whiteouts for what is gone. Closes the copy and the layers.
 */
export function changedRoot(copy: ReadableRoot, lowers: readonly ReadableRoot[]): ReadableRoot {
  const known = new Map<string, Promise<boolean>>();
  const differs = (path: string): Promise<boolean> => {
    const found = known.get(path) ?? compare(path);
    known.set(path, found);
    return found;
  };
  const compare = async (path: string): Promise<boolean> => {
    const [now, before] = [await copy.stat(path), await lookUp(lowers, path)];
    if (now === null || before === null || !(await sameEntry(path, { root: copy, stat: now }, before))) return true;
    return now.kind === "directory" && (await changedNames(path, before)).length > 0;
  };
  const changedNames = async (folder: string, before: MergedEntry | null): Promise<string[]> => {
    const names = new Set([...(await copy.list(folder)), ...(await shownNames(before, folder))]);
    const changed: string[] = [];
    for (const name of names) if (await differs(joined(folder, name))) changed.push(name);
    return changed;
  };
  return {
    list: async (folder) => changedNames(folder, await lookUp(lowers, folder)),
    async stat(path) {
      const now = await copy.stat(path);
      if (now !== null) return now;
      return (await lookUp(lowers, path)) === null ? null : WHITEOUT;
    },
    xattrs: (path) => copy.xattrs(path),
    readlink: (path) => copy.readlink(path),
    openFile: (path, follow) => copy.openFile(path, follow),
    close() {
      for (const root of [copy, ...lowers]) root.close();
    },
  };
}

const WHITEOUT: EntryStat = {
  kind: "character",
  uid: 0,
  gid: 0,
  mode: 0,
  size: 0,
  mtimeNs: 0n,
  inode: 0n,
  device: 0n,
  links: 1,
  rdevMajor: 0,
  rdevMinor: 0,
};

/** What the layers show in a folder: names that a higher layer deletes are not there. */
async function shownNames(before: MergedEntry | null, folder: string): Promise<string[]> {
  const folders = before?.folders ?? [];
  const shown: string[] = [];
  for (const name of await namesIn(folders, folder)) if ((await lookUp(folders, joined(folder, name))) !== null) shown.push(name);
  return shown;
}
