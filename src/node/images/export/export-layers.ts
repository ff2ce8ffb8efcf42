import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { EntryStat, ReadableRoot } from "../../platform/index.ts";
import type { TarEntry, TarEntryType } from "../tar/tar-entry.ts";
import { type TarMember, writeTar } from "../tar/write-tar.ts";
import { imageXattrs } from "../unpack/xattr-policy.ts";
import { joined, lookUp, type MergedEntry, namesIn } from "./merged-layers.ts";

const TYPES: Partial<Record<EntryStat["kind"], TarEntryType>> = { file: "file", directory: "directory", symlink: "symlink", fifo: "fifo" };

interface Walk {
  /** The writable layer: what `exclude` names is left out of it alone. */
  upper: ReadableRoot | undefined;
  exclude: (path: string) => boolean;
  /** The first path of every file with several names. */
  firstNames: Map<string, string>;
}

/**
 * All files that a stack of layers shows, as one tar: names in byte order, owners, modes, times, links and extended
 * attributes as they are. Nothing is mounted. Closes the roots.
 */
export function exportLayers(layers: readonly ReadableRoot[], exclude: Walk["exclude"], signal: AbortSignal): Readable {
  return Readable.from(closing(layers, writeTar(rootMembers({ upper: layers[0], exclude, firstNames: new Map() }, layers))), {
    objectMode: false,
    signal,
  });
}

async function* closing(roots: readonly ReadableRoot[], source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* source;
  } finally {
    for (const root of roots) root.close();
  }
}

async function* rootMembers(walk: Walk, layers: readonly ReadableRoot[]): AsyncGenerator<TarMember> {
  const top = await lookUp(layers, "");
  if (top === null) return;
  yield { entry: { ...(await entryOf("", top, "directory", "")), path: "./" }, body: null };
  yield* folderMembers(walk, "", top.folders);
}

async function* folderMembers(walk: Walk, folder: string, layers: readonly ReadableRoot[]): AsyncGenerator<TarMember> {
  for (const name of await namesIn(layers, folder)) {
    const path = joined(folder, name);
    const from = walk.exclude(path) ? layers.filter((root) => root !== walk.upper) : layers;
    const found = await lookUp(from, path);
    if (found !== null) yield* entryMembers(walk, path, found);
  }
}

async function* entryMembers(walk: Walk, path: string, found: MergedEntry): AsyncGenerator<TarMember> {
  const { root, stat } = found;
  const type = TYPES[stat.kind];
  if (type === undefined) return;
  const inode = `${stat.device}:${stat.inode}`;
  const first = stat.links > 1 && type !== "directory" ? walk.firstNames.get(inode) : undefined;
  if (first !== undefined) return yield { entry: { ...(await entryOf(path, found, "link", first)), xattrs: {} }, body: null };
  walk.firstNames.set(inode, path);
  const entry = await entryOf(path, found, type, type === "symlink" ? await root.readlink(path) : "");
  yield { entry, body: type === "file" ? fileBody(root, path) : null };
  if (type === "directory") yield* folderMembers(walk, path, found.folders);
}

async function entryOf(path: string, { root, stat }: MergedEntry, type: TarEntryType, linkPath: string): Promise<TarEntry> {
  return {
    type,
    path,
    linkPath,
    mode: type === "symlink" ? 0o777 : stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    size: type === "file" ? stat.size : 0,
    mtimeNs: stat.mtimeNs,
    xattrs: imageXattrs(await root.xattrs(path), type === "symlink"),
  };
}

async function* fileBody(root: ReadableRoot, path: string): AsyncGenerator<Buffer> {
  const descriptor = await root.openFile(path, false);
  yield* createReadStream("", { fd: descriptor, highWaterMark: 1 << 18, autoClose: true });
}
