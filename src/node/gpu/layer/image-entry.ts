import { constants } from "node:fs";
import { lstat, open } from "node:fs/promises";
import { join } from "node:path";

export type EntryKind = "absent" | "folder" | "file" | "other";

/**
 * What the stack of layers (top first) shows at `path` ("etc/ld.so.cache"), and in which layer. A link anywhere on the way makes
 * it "other": nothing of an image is ever followed. Opaque folders are not looked at, so a hidden lower entry may be found.
 */
export async function imageEntry(lowerDirs: readonly string[], path: string): Promise<{ kind: EntryKind; layer: string | null }> {
  const slash = path.lastIndexOf("/");
  if (slash > 0) {
    const parent = await imageEntry(lowerDirs, path.slice(0, slash));
    if (parent.kind !== "folder") return { kind: parent.kind === "absent" ? "absent" : "other", layer: null };
  }
  for (const layer of lowerDirs) {
    const kind = await kindAt(join(layer, path));
    if (kind !== null) return { kind, layer };
  }
  return { kind: "absent", layer: null };
}

/** Null when this layer does not speak of the path. An overlayfs whiteout is the character device 0:0. */
async function kindAt(path: string): Promise<EntryKind | null> {
  try {
    const status = await lstat(path);
    if (status.isDirectory()) return "folder";
    if (status.isFile()) return "file";
    return status.isCharacterDevice() && status.rdev === 0 ? "absent" : "other";
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw error;
  }
}

/** A regular file of at most `limit` bytes, not following a link; null when it is larger. */
export async function readImageFile(path: string, limit: number): Promise<Buffer | null> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = await file.stat();
    return size > limit ? null : await file.readFile();
  } finally {
    await file.close();
  }
}
