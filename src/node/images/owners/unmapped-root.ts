import type { IdMapping, ReadableRoot } from "../../platform/index.ts";
import { toContainerOwners } from "./shift-owners.ts";

/** A folder whose files have the host's ids, read as the container sees them. */
export function unmappedRoot(root: ReadableRoot, mapping: IdMapping): ReadableRoot {
  return {
    openFile: (path, follow) => root.openFile(path, follow),
    list: (path) => root.list(path),
    readlink: (path) => root.readlink(path),
    close: () => root.close(),
    async stat(path) {
      const found = await root.stat(path);
      if (found === null) return null;
      const { uid, gid } = toContainerOwners({ ...found, xattrs: {} }, mapping);
      return { ...found, uid, gid };
    },
    xattrs: async (path) => toContainerOwners({ uid: 0, gid: 0, xattrs: await root.xattrs(path) }, mapping).xattrs,
  };
}
