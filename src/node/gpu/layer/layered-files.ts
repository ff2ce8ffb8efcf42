import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";

/**
 * A folder of the image: its path in the container and the layers (top first) that have a part of it. Every component of the
 * path is known to be a real folder in each of them, so no host path made from it crosses a link.
 */
export interface LayeredFolder {
  path: string;
  layers: string[];
}

export interface LayeredFile {
  /** In the container. */
  path: string;
  hostPath: string;
}

const MOST_LINKS = 16;
const MOST_NAMES = 4096;

/**
 * Finds a folder of an image in its unpacked layers, following the image's own links as a process in the container would,
 * and never out of the layers: "/" and ".." mean the image's root. Null when it is not there, or behind too many links.
 * What an opaque folder hides is not known here.
 */
export async function findFolder(lowerDirs: readonly string[], path: string): Promise<LayeredFolder | null> {
  const root: LayeredFolder = { path: "", layers: [...lowerDirs] };
  let at = root;
  let parents: LayeredFolder[] = [];
  const rest = components(path);
  for (let links = 0; rest.length > 0; ) {
    const name = rest.shift() as string;
    if (name === "..") {
      at = parents.pop() ?? at;
      continue;
    }
    const entry = await entryOf(at, name);
    if (entry.kind === "folder") {
      parents.push(at);
      at = entry.folder;
    } else if (entry.kind === "link" && ++links <= MOST_LINKS) {
      rest.unshift(...components(entry.target));
      if (entry.target.startsWith("/")) [at, parents] = [root, []];
    } else return null;
  }
  return at;
}

function components(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

export type LayeredEntry =
  | { kind: "folder"; folder: LayeredFolder }
  | { kind: "link"; target: string }
  | { kind: "file"; file: LayeredFile }
  /** A device, socket or FIFO. */
  | { kind: "other" }
  | { kind: "none" };

/** What a process would see under that name, links not followed. An overlayfs whiteout is the character device 0:0. */
export async function entryOf(folder: LayeredFolder, name: string): Promise<LayeredEntry> {
  const path = `${folder.path}/${name}`;
  const parts: string[] = [];
  for (const layer of folder.layers) {
    const hostPath = join(layer, path);
    const status = await lstatOrNull(hostPath);
    if (status === null) continue;
    if (status.isDirectory()) {
      parts.push(layer);
      continue;
    }
    if (parts.length > 0) break;
    if (status.isSymbolicLink()) return { kind: "link", target: await readlink(hostPath) };
    if (status.isFile()) return { kind: "file", file: { path, hostPath } };
    return { kind: status.isCharacterDevice() && status.rdev === 0 ? "none" : "other" };
  }
  return parts.length > 0 ? { kind: "folder", folder: { path, layers: parts } } : { kind: "none" };
}

/** Names in a folder, sorted; whiteouts count as names. [] when there are too many to be what we look for. */
export async function namesOf(folder: LayeredFolder): Promise<string[]> {
  const lists = await Promise.all(folder.layers.map((layer) => readdir(join(layer, folder.path))));
  const names = [...new Set(lists.flat())].sort();
  return names.length > MOST_NAMES ? [] : names;
}

async function lstatOrNull(path: string) {
  return lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "ENAMETOOLONG") return null;
    throw error;
  });
}
