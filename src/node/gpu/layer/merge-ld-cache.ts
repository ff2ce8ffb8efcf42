import type { LdCache, LdCacheEntry } from "./ld-cache-format.ts";

const ELF_LIBC6 = 3;
/** FLAG_X8664_LIB64 and FLAG_AARCH64_LIB64 of glibc's ldconfig.h. */
const ARCHITECTURE_FLAGS: Record<string, number> = { x64: 0x0300, arm64: 0x0a00, ia32: 0 };

/**
 * The image's cache with the driver's libraries in it, sorted as the loader's binary search needs. A library of the same
 * name that the image ships goes: the user-space driver must be the one that fits the kernel's. `architecture` as process.arch.
 */
export function mergeLdCache(image: LdCache | null, folder: string, names: readonly string[], architecture: string): LdCache {
  const flags = ELF_LIBC6 | (ARCHITECTURE_FLAGS[architecture] ?? 0);
  const ours = names.map((name): LdCacheEntry => ({ flags, osVersion: 0, hwcap: 0n, name, path: `${folder}/${name}` }));
  const replaced = new Set(names);
  const theirs = (image?.entries ?? []).filter((entry) => entry.flags !== flags || !replaced.has(entry.name));
  return { entries: [...ours, ...theirs].sort((a, b) => compareLibraryNames(b.name, a.name)), hwcaps: image?.hwcaps ?? [] };
}

/** glibc's _dl_cache_libcmp: as bytes, but runs of digits by their number. */
export function compareLibraryNames(a: string, b: string): number {
  let [i, j] = [0, 0];
  while (i < a.length) {
    const [left, right] = [digitsAt(a, i), digitsAt(b, j)];
    if (left !== "" && right !== "") {
      if (Number(left) !== Number(right)) return Number(left) - Number(right);
      i += left.length;
      j += right.length;
    } else if (left !== "" || right !== "") {
      return left !== "" ? 1 : -1;
    } else {
      if (a.charCodeAt(i) !== codeAt(b, j)) return a.charCodeAt(i) - codeAt(b, j);
      i++;
      j++;
    }
  }
  return -codeAt(b, j);
}

function digitsAt(text: string, at: number): string {
  let end = at;
  while (end < text.length && text.charCodeAt(end) >= 48 && text.charCodeAt(end) <= 57) end++;
  return text.slice(at, end);
}

/** The end of a C string compares as NUL. */
function codeAt(text: string, at: number): number {
  return at < text.length ? text.charCodeAt(at) : 0;
}
