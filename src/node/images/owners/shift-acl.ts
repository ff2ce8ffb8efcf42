/** linux/posix_acl_xattr.h: a version, then entries of tag, permission and id, little endian. */
const HEADER_BYTES = 4;
const ENTRY_BYTES = 8;
const ACL_USER = 0x02;
const ACL_GROUP = 0x08;

/** An ACL with the ids of the users and groups that it names changed. Other entries have no id. */
export function shiftAcl(value: Buffer, by: { uid(id: number): number; gid(id: number): number }): Buffer {
  const shifted = Buffer.from(value);
  for (let at = HEADER_BYTES; at + ENTRY_BYTES <= shifted.length; at += ENTRY_BYTES) {
    const tag = shifted.readUInt16LE(at);
    const id = shifted.readUInt32LE(at + 4);
    if (tag === ACL_USER) shifted.writeUInt32LE(by.uid(id), at + 4);
    if (tag === ACL_GROUP) shifted.writeUInt32LE(by.gid(id), at + 4);
  }
  return shifted;
}
