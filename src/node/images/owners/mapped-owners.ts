import { type IdMapping, idMapLines, type MappedOwners, type Native } from "../../platform/index.ts";

/**
 * The user namespaces that idmapped mounts are mapped by: one a mapping, made when first asked for and kept, as making one
 * costs more than the mount.
 */
export function createMappedOwners(native: Pick<Native, "createUserNamespace">): (mapping: IdMapping) => Promise<MappedOwners> {
  const made = new Map<string, Promise<number>>();
  const namespaceOf = (mapping: IdMapping): Promise<number> => {
    const { uidMap, gidMap } = idMapLines(mapping);
    const key = uidMap + gidMap;
    const found = made.get(key) ?? native.createUserNamespace(uidMap, gidMap);
    made.set(key, found);
    // A failure is told to who waits for it, and not kept.
    found.catch(() => made.delete(key));
    return found;
  };
  return async (mapping) => ({ userNamespace: await namespaceOf(mapping), rootUid: mapping.uid, rootGid: mapping.gid });
}
