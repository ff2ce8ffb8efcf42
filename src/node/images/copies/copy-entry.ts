import { close as closeFd, constants } from "node:fs";
import { copyFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { EntryMetadata, EntryStat, NativeRoot, ReadableRoot } from "../../platform/index.ts";
import { isWhiteout } from "../unpack/layer-writer.ts";

const close = promisify(closeFd);
const S_IFCHR = 0o020000;
const S_IFIFO = 0o010000;

/** Where entries go, and how their owners change on the way. */
export interface CopyTarget {
  to: NativeRoot;
  owners(metadata: EntryMetadata): EntryMetadata;
  /** The first path of every file with several names, by device and inode. */
  firstNames: Map<string, string>;
}

/** One entry that is no folder, with its owner, mode, time, links and extended attributes. Devices and sockets are left out, whiteouts are not. */
export async function copyEntry(target: CopyTarget, from: ReadableRoot, path: string, stat: EntryStat): Promise<void> {
  const first = firstNameOf(target, path, stat);
  if (first !== null) return target.to.link(first, path);
  if (stat.kind === "file") await copyContent(from, target.to, path);
  else if (stat.kind === "symlink") await target.to.symlink(await from.readlink(path), path);
  else if (stat.kind === "fifo") await target.to.mknod(path, S_IFIFO | 0o600, 0, 0);
  else if (isWhiteout(stat)) await target.to.mknod(path, S_IFCHR, 0, 0);
  else return;
  await copyMetadata(target, from, path, stat);
}

/** Of a folder: after its members are there, as each of them changes its time. */
export async function copyMetadata(target: CopyTarget, from: ReadableRoot, path: string, stat: EntryStat): Promise<void> {
  const { uid, gid, mode, mtimeNs } = stat;
  const xattrs = stat.kind === "symlink" ? {} : await from.xattrs(path);
  await target.to.setMetadata(path, target.owners({ uid, gid, mode, mtimeNs, xattrs }));
}

function firstNameOf({ firstNames }: CopyTarget, path: string, { kind, links, device, inode }: EntryStat): string | null {
  if (links < 2 || kind !== "file") return null;
  const key = `${device}:${inode}`;
  const first = firstNames.get(key);
  if (first === undefined) firstNames.set(key, path);
  return first ?? null;
}

/** Shares the blocks where the file system can (reflink), else copies them inside the kernel. */
async function copyContent(from: ReadableRoot, to: NativeRoot, path: string): Promise<void> {
  const source = await from.openFile(path, false);
  try {
    const target = await to.createFile(path, 0o600);
    try {
      await copyFile(`/proc/self/fd/${source}`, `/proc/self/fd/${target}`, constants.COPYFILE_FICLONE);
    } finally {
      await close(target);
    }
  } finally {
    await close(source);
  }
}
