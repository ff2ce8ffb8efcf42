import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ListedFile } from "./listing.ts";
import { createRootResolver, type RootResolver } from "./resolve-in-root.ts";

/** One look at a driver root: paths are relative to it, and links stay in it. */
export interface RootView {
  root: string;
  resolve: RootResolver;
}

/**
 * Nothing is read yet. Links are followed as the root itself would see them, so a driver container's absolute ones do not
 * lead to the host.
 */
export function viewRoot(root: string): RootView {
  return { root, resolve: createRootResolver(root) };
}

/** The regular file of that name; null for nothing, a folder or a dangling link. */
export async function fileAt({ resolve }: RootView, folder: string, name: string): Promise<ListedFile | null> {
  const realPath = await resolve(join(folder, name));
  const status = realPath === null ? null : await orNull(stat(realPath));
  return realPath !== null && status?.isFile() ? { folder, name, realPath } : null;
}

/** Regular files of a folder by name, in order; those whose links lead to the same file are all there. */
export async function filesIn(view: RootView, folder: string, wanted: (name: string) => boolean): Promise<ListedFile[]> {
  const names = (await namesIn(view, folder)).filter(wanted).sort();
  const files = await Promise.all(names.map((name) => fileAt(view, folder, name)));
  return files.filter((file) => file !== null);
}

/** All names of a folder in no order; [] for one that is missing. */
export async function namesIn({ resolve }: RootView, folder: string): Promise<string[]> {
  const path = await resolve(folder);
  return path === null ? [] : ((await orNull(readdir(path))) ?? []);
}

/** A file's text (UTF-8); null when it is missing. */
export async function textAt({ resolve }: RootView, path: string): Promise<string | null> {
  const real = await resolve(path);
  return real === null ? null : orNull(readFile(real, "utf8"));
}

/** 32 or 64 (ELF specification, e_ident[EI_CLASS]); null for a file that is no ELF. */
export async function elfBits(path: string): Promise<32 | 64 | null> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(5), 0, 5, 0);
    if (bytesRead < 5 || buffer.readUInt32BE(0) !== 0x7f454c46) return null;
    return buffer[4] === 1 ? 32 : 64;
  } finally {
    await file.close();
  }
}

/** What is gone, or was never there, is null; any other error is thrown. */
export async function orNull<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw error;
  }
}
