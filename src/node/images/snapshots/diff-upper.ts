import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { BerthError } from "../../../shared/domain/index.ts";
import type { EntryStat, ReadableRoot } from "../../platform/index.ts";
import type { TarEntry, TarEntryType } from "../tar/tar-entry.ts";
import { type TarMember, writeTar } from "../tar/write-tar.ts";
import type { DiffOptions } from "../types.ts";
import { isWhiteout } from "../unpack/layer-writer.ts";
import { opaqueName, whiteoutName } from "../unpack/whiteout.ts";
import { imageXattrs, OPAQUE_XATTR } from "../unpack/xattr-policy.ts";

/** One walk: what is still open, and the first path of every file with several names. */
interface Walk extends DiffOptions {
  root: ReadableRoot;
  firstNames: Map<bigint, string>;
}

const TYPES: Partial<Record<EntryStat["kind"], TarEntryType>> = { file: "file", directory: "directory", symlink: "symlink", fifo: "fifo" };

/**
 * An overlay's upper folder as an OCI layer tar, names in byte order, so that the same tree gives the same bytes. Closes
 * `root`. Sockets and devices are left out: neither means anything in another container.
 */
export function diffUpper(root: ReadableRoot, options: DiffOptions): Readable {
  const walk: Walk = { ...options, root, firstNames: new Map() };
  return Readable.from(closing(root, writeTar(folderMembers(walk, ""))), { objectMode: false });
}

async function* closing(root: ReadableRoot, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* source;
  } finally {
    root.close();
  }
}

async function* folderMembers(walk: Walk, folder: string): AsyncGenerator<TarMember> {
  const names = (await walk.root.list(folder)).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const name of names) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const stat = await walk.root.stat(path);
    if (stat !== null && walk.exclude?.(path, stat.size) !== true) yield* entryMembers(walk, path, stat);
  }
}

async function* entryMembers(walk: Walk, path: string, stat: EntryStat): AsyncGenerator<TarMember> {
  if (isWhiteout(stat)) return yield marker(walk, whiteoutName(path));
  const type = TYPES[stat.kind];
  if (type === undefined) return;
  const xattrs = await walk.root.xattrs(path);
  refuseRedirects(path, xattrs);
  const first = stat.links > 1 && type !== "directory" ? walk.firstNames.get(stat.inode) : undefined;
  if (first !== undefined) return yield { entry: entryOf(walk, path, stat, { type: "link", linkPath: first }), body: null };
  walk.firstNames.set(stat.inode, path);
  const linkPath = type === "symlink" ? await walk.root.readlink(path) : "";
  const entry = { ...entryOf(walk, path, stat, { type, linkPath }), xattrs: imageXattrs(xattrs, type === "symlink") };
  yield { entry, body: type === "file" ? fileBody(walk.root, path) : null };
  if (type !== "directory") return;
  if (xattrs[OPAQUE_XATTR]?.toString() === "y") yield marker(walk, opaqueName(path));
  yield* folderMembers(walk, path);
}

function entryOf(walk: Walk, path: string, stat: EntryStat, link: { type: TarEntryType; linkPath: string }): TarEntry {
  const latest = walk.latestMtimeNs;
  return {
    ...link,
    path,
    mode: link.type === "symlink" ? 0o777 : stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    size: link.type === "file" ? stat.size : 0,
    mtimeNs: latest !== undefined && stat.mtimeNs > latest ? latest : stat.mtimeNs,
    xattrs: {},
  };
}

function marker(walk: Walk, path: string): TarMember {
  const mtimeNs = walk.latestMtimeNs ?? 0n;
  return { entry: { type: "file", path, linkPath: "", mode: 0o600, uid: 0, gid: 0, size: 0, mtimeNs, xattrs: {} }, body: null };
}

/** Our mounts never make them; a folder mounted by other means would be archived without what they point at. */
function refuseRedirects(path: string, xattrs: Record<string, Buffer>): void {
  const name = ["trusted.overlay.redirect", "trusted.overlay.metacopy"].find((key) => Object.hasOwn(xattrs, key));
  if (name !== undefined) throw new BerthError("internal", `${path} has ${name}: its content lies in another layer`);
}

async function* fileBody(root: ReadableRoot, path: string): AsyncGenerator<Buffer> {
  const descriptor = await root.openFile(path, false);
  yield* createReadStream("", { fd: descriptor, highWaterMark: 1 << 18, autoClose: true });
}
