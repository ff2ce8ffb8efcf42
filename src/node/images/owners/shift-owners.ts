import type { EntryMetadata, IdMapping } from "../../platform/index.ts";
import { shiftAcl } from "./shift-acl.ts";
import { CAPABILITY_XATTR, capabilityOf } from "./shift-capability.ts";

/** Nobody, of the host and of the container: who owns what has no id on the other side. */
const OVERFLOW_ID = 65_534;

type Owned = Pick<EntryMetadata, "uid" | "gid" | "xattrs">;

/** The ids of a container's file as the host has to keep them, those in ACLs and file capabilities included. */
export function toHostOwners<T extends Owned>(entry: T, { uid, gid, count }: IdMapping): T {
  return shift(entry, {
    uid: (id) => (id < count ? uid + id : OVERFLOW_ID),
    gid: (id) => (id < count ? gid + id : OVERFLOW_ID),
    capability: (value) => capabilityOf(value, uid),
  });
}

/** The way back. */
export function toContainerOwners<T extends Owned>(entry: T, { uid, gid, count }: IdMapping): T {
  const within = (first: number) => (id: number) => (id >= first && id < first + count ? id - first : OVERFLOW_ID);
  return shift(entry, { uid: within(uid), gid: within(gid), capability: (value) => capabilityOf(value, 0) });
}

interface Shift {
  uid(id: number): number;
  gid(id: number): number;
  capability(value: Buffer): Buffer;
}

function shift<T extends Owned>(entry: T, by: Shift): T {
  const xattrs = Object.entries(entry.xattrs).map(([name, value]) => [name, shiftXattr(name, value, by)] as const);
  return { ...entry, uid: by.uid(entry.uid), gid: by.gid(entry.gid), xattrs: Object.fromEntries(xattrs) };
}

function shiftXattr(name: string, value: Buffer, by: Shift): Buffer {
  if (name === CAPABILITY_XATTR) return by.capability(value);
  return name.startsWith("system.posix_acl_") ? shiftAcl(value, by) : value;
}
