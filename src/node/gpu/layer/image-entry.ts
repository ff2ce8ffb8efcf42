import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { entryOf, type LayeredEntry } from "./layered-files.ts";

export interface ImageEntry {
  kind: "absent" | "folder" | "file" | "other";
  /** Of a file; no component of it is a link. */
  hostPath: string | null;
}

export type ImageView = (path: string) => Promise<ImageEntry>;

/**
 * What the stack of layers (top first) shows at a path ("etc/ld.so.cache"). A link anywhere on the way makes it "other": nothing
 * of an image is ever followed, also not a lower layer's link where an upper layer has a folder. Each path is looked at once.
 * Opaque folders are not looked at, so a hidden lower entry may be found.
 */
export function imageView(lowerDirs: readonly string[]): ImageView {
  const root: LayeredEntry = { kind: "folder", folder: { path: "", layers: [...lowerDirs] } };
  const known = new Map<string, Promise<LayeredEntry>>([["", Promise.resolve(root)]]);
  const look = (path: string): Promise<LayeredEntry> => {
    const entry = known.get(path) ?? find(path);
    known.set(path, entry);
    return entry;
  };
  const find = async (path: string): Promise<LayeredEntry> => {
    const slash = path.lastIndexOf("/");
    const parent = await look(path.slice(0, Math.max(slash, 0)));
    if (parent.kind === "folder") return entryOf(parent.folder, path.slice(slash + 1));
    return { kind: parent.kind === "none" ? "none" : "other" };
  };
  return async (path) => shown(await look(path));
}

function shown(entry: LayeredEntry): ImageEntry {
  if (entry.kind === "file") return { kind: "file", hostPath: entry.file.hostPath };
  if (entry.kind === "folder") return { kind: "folder", hostPath: null };
  return { kind: entry.kind === "none" ? "absent" : "other", hostPath: null };
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
