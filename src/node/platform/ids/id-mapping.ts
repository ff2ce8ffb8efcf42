/** Host ids that a container's ids 0..count-1 are: `uid` and `gid` are its root's. */
export interface IdMapping {
  uid: number;
  gid: number;
  count: number;
}

/** As /proc/<pid>/uid_map and gid_map take them, user_namespaces(7). */
export function idMapLines({ uid, gid, count }: IdMapping): { uidMap: string; gidMap: string } {
  return { uidMap: `0 ${uid} ${count}\n`, gidMap: `0 ${gid} ${count}\n` };
}
