/**
 * ld.so.cache as glibc 2.2 and later read it (glibc sysdeps/generic/dl-cache.h): header, entries sorted for binary search,
 * strings, and since 2.33 an extension directory with the names of the glibc-hwcaps sub-folders. Little endian.
 */
export const MAGIC = Buffer.from("glibc-ld.so.cache1.1", "latin1");
/** Before glibc 2.32 an old table stands in front of the one we need. */
export const OLD_MAGIC = Buffer.from("ld.so-1.7.0", "latin1");
export const HEADER_SIZE = 48;
export const ENTRY_SIZE = 24;
export const OLD_HEADER_SIZE = 16;
export const OLD_ENTRY_SIZE = 12;
export const EXTENSION_MAGIC = 0xeaa42174;
export const SECTION_SIZE = 16;
export const HWCAPS_TAG = 1;
export const LITTLE_ENDIAN = 2;

export interface LdCache {
  entries: LdCacheEntry[];
  /** Names that the low half of an entry's hwcap points into when its bit 62 is set. */
  hwcaps: string[];
}

export interface LdCacheEntry {
  /** FLAG_ELF_LIBC6 and the architecture: 0x0303 for x86-64. */
  flags: number;
  osVersion: number;
  hwcap: bigint;
  /** "libcuda.so.1" */
  name: string;
  path: string;
}
