import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { LdCacheEntry } from "../layer/ld-cache-format.ts";
import { parseLdCache } from "../layer/parse-ld-cache.ts";
import { isDriverLibrary } from "./list-libraries.ts";
import { orNull, type RootView } from "./root-view.ts";
import { LIBRARY_FOLDERS, LIBRARY_FOLDERS_32, LIBRARY_SUBFOLDERS } from "./search-folders.ts";

export const LOADER_CACHE = "etc/ld.so.cache";
const ELF_LIBC6 = 3;
/** The architecture bits of a cache entry (glibc's ldconfig.h); i386 has none. */
const ARCHITECTURE = 0xff00;

export interface LibraryFolders {
  wide: string[];
  narrow: string[];
}

/**
 * The folders that can hold the driver's libraries: the known ones, then those in which the root's own loader would find them
 * (its ld.so.cache: NixOS, and whoever installed elsewhere). A cache that is missing or damaged only takes the second part away.
 */
export async function findLibraryFolders(view: RootView): Promise<LibraryFolders> {
  const entries = (await cacheEntries(view)).filter((entry) => isDriverLibrary(entry.name));
  const foldersOf = (narrow: boolean): string[] =>
    entries.filter((entry) => isNarrow(entry) === narrow).map((entry) => dirname(entry.path).replace(/^\/+/, ""));
  return {
    wide: unique(withSubfolders(LIBRARY_FOLDERS), foldersOf(false)),
    narrow: unique(withSubfolders(LIBRARY_FOLDERS_32), foldersOf(true)),
  };
}

async function cacheEntries(view: RootView): Promise<LdCacheEntry[]> {
  const path = await view.resolve(LOADER_CACHE);
  const bytes = path === null ? null : await orNull(readFile(path));
  return (bytes === null ? null : parseLdCache(bytes))?.entries ?? [];
}

function isNarrow({ flags }: LdCacheEntry): boolean {
  return (flags & 0xff) === ELF_LIBC6 && (flags & ARCHITECTURE) === 0;
}

function withSubfolders(folders: readonly string[]): string[] {
  return LIBRARY_SUBFOLDERS.flatMap((sub) => folders.map((folder) => (sub === "" ? folder : `${folder}/${sub}`)));
}

function unique(...lists: string[][]): string[] {
  return [...new Set(lists.flat())];
}
