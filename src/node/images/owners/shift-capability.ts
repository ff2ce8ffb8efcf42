export const CAPABILITY_XATTR = "security.capability";

/** linux/capability.h: struct vfs_cap_data and vfs_ns_cap_data, little endian. */
const REVISION_MASK = 0xff00_0000;
const REVISION_2 = 0x0200_0000;
const REVISION_3 = 0x0300_0000;
const BYTES_2 = 20;
const BYTES_3 = 24;

/**
 * File capabilities that hold in the user namespaces whose root is `rootUid` of the host: revision 3 names it, revision 2 is
 * the host's own and what images carry. Anything else is left as it is.
 */
export function capabilityOf(value: Buffer, rootUid: number): Buffer {
  if (value.length !== BYTES_2 && value.length !== BYTES_3) return value;
  const sets = value.subarray(0, BYTES_2);
  const bytes = rootUid === 0 ? BYTES_2 : BYTES_3;
  const made = Buffer.alloc(bytes);
  sets.copy(made);
  const flags = sets.readUInt32LE(0) & ~REVISION_MASK;
  made.writeUInt32LE(((rootUid === 0 ? REVISION_2 : REVISION_3) | flags) >>> 0, 0);
  if (rootUid !== 0) made.writeUInt32LE(rootUid, BYTES_2);
  return made;
}
