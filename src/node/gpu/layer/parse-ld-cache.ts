import {
  ENTRY_SIZE,
  EXTENSION_MAGIC,
  HEADER_SIZE,
  HWCAPS_TAG,
  type LdCache,
  type LdCacheEntry,
  LITTLE_ENDIAN,
  MAGIC,
  OLD_ENTRY_SIZE,
  OLD_HEADER_SIZE,
  OLD_MAGIC,
  SECTION_SIZE,
} from "./ld-cache-format.ts";

const MAX_ENTRIES = 100_000;
const MAX_STRING = 4096;

/** Null when the bytes, which come from an image, are no cache that glibc would read. Never reads outside them, never throws. */
export function parseLdCache(bytes: Buffer): LdCache | null {
  const start = headerStart(bytes);
  if (start === null) return null;
  try {
    const table = bytes.subarray(start);
    const count = table.readUInt32LE(20);
    const endianness = table.readUInt8(28) & 3;
    if (count > MAX_ENTRIES || (endianness !== 0 && endianness !== LITTLE_ENDIAN)) return null;
    const entries = Array.from({ length: count }, (_, i) => entryAt(table, HEADER_SIZE + i * ENTRY_SIZE));
    return { entries, hwcaps: hwcapsOf(bytes, table, table.readUInt32LE(32)) };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function headerStart(bytes: Buffer): number | null {
  const isOld = bytes.length >= OLD_HEADER_SIZE && bytes.subarray(0, OLD_MAGIC.length).equals(OLD_MAGIC);
  const start = isOld ? Math.ceil((OLD_HEADER_SIZE + bytes.readUInt32LE(12) * OLD_ENTRY_SIZE) / 8) * 8 : 0;
  const fits = bytes.length >= start + HEADER_SIZE && bytes.subarray(start, start + MAGIC.length).equals(MAGIC);
  return fits ? start : null;
}

function entryAt(table: Buffer, at: number): LdCacheEntry {
  return {
    flags: table.readInt32LE(at),
    name: stringAt(table, table.readUInt32LE(at + 4)),
    path: stringAt(table, table.readUInt32LE(at + 8)),
    osVersion: table.readUInt32LE(at + 12),
    hwcap: table.readBigUInt64LE(at + 16),
  };
}

/** Section offsets count from the start of the file, string offsets from the start of the table. */
function hwcapsOf(bytes: Buffer, table: Buffer, extension: number): string[] {
  if (extension === 0 || bytes.readUInt32LE(extension) !== EXTENSION_MAGIC) return [];
  const sections = Math.min(bytes.readUInt32LE(extension + 4), 16);
  for (let at = extension + 8; at < extension + 8 + sections * SECTION_SIZE; at += SECTION_SIZE) {
    if (bytes.readUInt32LE(at) !== HWCAPS_TAG) continue;
    const offset = bytes.readUInt32LE(at + 8);
    const count = Math.min(bytes.readUInt32LE(at + 12) / 4, 256);
    return Array.from({ length: count }, (_, i) => stringAt(table, bytes.readUInt32LE(offset + i * 4)));
  }
  return [];
}

function stringAt(table: Buffer, offset: number): string {
  const end = table.indexOf(0, offset);
  if (offset >= table.length || end < 0 || end - offset > MAX_STRING) throw new RangeError(`no string at ${offset}`);
  return table.toString("latin1", offset, end);
}
