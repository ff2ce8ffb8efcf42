import { close, write } from "node:fs";
import { promisify } from "node:util";
import { BerthError, errorText } from "../../../shared/domain/index.ts";
import type { EntryMetadata, EntryStat, NativeRoot } from "../../platform/index.ts";
import { errnoOf } from "../content/storage-error.ts";
import type { TarEntry } from "../tar/tar-entry.ts";
import { checkLinkTarget, entryPath, parentOf } from "./entry-path.ts";
import { createInFlight } from "./in-flight.ts";
import { imageXattrs, OPAQUE_XATTR } from "./xattr-policy.ts";

const writeBytes = promisify(write);
const closeDescriptor = promisify(close);

const S_IFCHR = 0o020000;
const S_IFIFO = 0o010000;
const OPAQUE_VALUE = Buffer.from("y");
/** What a malformed archive can make the kernel say; everything else is our trouble, not the layer's. */
const ARCHIVE_ERRNOS = new Set(["EEXIST", "EISDIR", "ELOOP", "EMLINK", "ENAMETOOLONG", "ENOENT", "ENOTDIR", "EPERM", "EXDEV", "EINVAL"]);

/** Smaller files are made in one call; a larger one is written as it arrives. */
const SMALL_FILE_BYTES = 256 * 1024;
/** Covers the way to a worker thread and back; more would only hold more files in memory. */
const CALLS_AT_ONCE = 8;

/** Metadata of folders that a layer implies without an entry of their own: as the layers below have it. */
export type InheritMetadata = (path: string) => Promise<EntryMetadata | null>;

/** Puts the entries of one layer into a folder of its own, in overlayfs's on-disk form. */
export interface LayerWriter {
  add(entry: TarEntry, path: string, body: AsyncIterable<Buffer>): Promise<void>;
  whiteout(path: string): Promise<void>;
  opaque(path: string): Promise<void>;
  /** Waits until nothing touches the folder any more. Never throws. */
  idle(): Promise<void>;
  /** Sets the folders' metadata: only now, as every new member changes its folder's time. */
  finish(): Promise<{ opaqueRoot: boolean }>;
}

/** Every path goes through `root`, which no path can leave. */
export function createLayerWriter(root: NativeRoot, inherit: InheritMetadata): LayerWriter {
  const folders = new Map<string, EntryMetadata>();
  const opaqueFolders = new Set<string>();
  const inFlight = createInFlight(CALLS_AT_ONCE);
  /** Folders made here below no symbolic link: names in different ones of them are different files. */
  const ownFolders = new Set([""]);
  /** A folder gave way to something else, perhaps a link: what was known of names is so no more, the order is kept to the letter. */
  let folderReplaced = false;

  const makeFolder = async (path: string, mode: number): Promise<void> => {
    await root.mkdir(path, mode);
    if (ownFolders.has(parentOf(path))) ownFolders.add(path);
  };
  const implyParents = async (path: string): Promise<void> => {
    const parent = parentOf(path);
    if (parent === "" || (await root.stat(parent)) !== null) return;
    await implyParents(parent);
    await makeFolder(parent, 0o755);
    folders.set(parent, (await inherit(parent)) ?? DEFAULT_FOLDER);
  };
  /** Almost every parent has its entry before: look for it only when the first try fails. */
  const withParents = async <T>(path: string, make: () => Promise<T>): Promise<T> => {
    try {
      return await make();
    } catch (error) {
      if (errnoOf(error) === "EEXIST") await root.remove(path);
      else if (errnoOf(error) === "ENOENT") await implyParents(path);
      else throw error;
      return await make();
    }
  };
  /** With a fixed time: a layer unpacks to the same tree whenever it is done. */
  const makeWhiteout = async (path: string): Promise<void> => {
    await withParents(path, () => root.mknod(path, S_IFCHR, 0, 0));
    await root.setMetadata(path, { uid: 0, gid: 0, mode: 0, mtimeNs: 0n, xattrs: {} });
  };
  const isOwn = (path: string) => !folderReplaced && ownFolders.has(parentOf(path)) && !inFlight.has(path);
  const alone = async (path: string): Promise<void> => {
    await inFlight.settle();
    folderReplaced ||= folders.has(path);
  };
  /** Files of other names in folders of our own do not see each other: some are made at once. */
  const independently = async (path: string, work: () => Promise<void>): Promise<void> => {
    if (isOwn(path) && !folders.has(path)) return inFlight.start(path, () => blame(path, work));
    await alone(path);
    await work();
  };
  const makers: Record<TarEntry["type"], (entry: TarEntry, path: string, body: AsyncIterable<Buffer>) => Promise<void>> = {
    async file(entry, path, body) {
      if (entry.size <= SMALL_FILE_BYTES) {
        const content = await readAll(body);
        await independently(path, () => withParents(path, () => root.writeFile(path, content, metadataOf(entry))));
        return;
      }
      await alone(path);
      await writeFile(await withParents(path, () => root.createFile(path, 0o600)), body);
      await root.setMetadata(path, metadataOf(entry));
    },
    async directory(entry, path) {
      if (!isOwn(path)) await inFlight.settle();
      const existing = await root.stat(path);
      if (existing?.kind !== "directory") await withParents(path, () => makeFolder(path, 0o700));
      if (isWhiteout(existing)) opaqueFolders.add(path);
      folders.set(path, metadataOf(entry));
    },
    async symlink(entry, path) {
      checkLinkTarget(path, entry.linkPath);
      await independently(path, async () => {
        await withParents(path, () => root.symlink(entry.linkPath, path));
        await root.setMetadata(path, { ...metadataOf(entry), xattrs: imageXattrs(entry.xattrs, true) });
      });
    },
    async link(entry, path) {
      const target = entryPath(entry.linkPath);
      if (target === path) return;
      await alone(path);
      const existing = target === "" ? null : await root.stat(target);
      if (existing === null || existing.kind === "directory" || isWhiteout(existing)) {
        throw new BerthError(
          "layer_invalid",
          `the hard link ${JSON.stringify(path)} names ${JSON.stringify(target)}, which is no file of this layer`,
        );
      }
      await withParents(path, () => root.link(target, path));
    },
    async fifo(entry, path) {
      await alone(path);
      await withParents(path, () => root.mknod(path, S_IFIFO | 0o600, 0, 0));
      await root.setMetadata(path, metadataOf(entry));
    },
    // Devices come from the runtime only: a node in a layer would be a way to the host's disks.
    character: async () => undefined,
    block: async () => undefined,
  };

  return {
    async add(entry, path, body) {
      if (path === "" && entry.type !== "directory") throw new BerthError("layer_invalid", "the layer's root is not a folder");
      await blame(path, () => makers[entry.type](entry, path, body));
    },
    async whiteout(path) {
      await blame(path, async () => {
        await inFlight.settle();
        const existing = await root.stat(path);
        // A whiteout speaks of lower layers: what this layer itself has there stays, and already hides a lower file.
        if (existing?.kind === "directory") opaqueFolders.add(path);
        else if (existing === null) await makeWhiteout(path);
      });
    },
    async opaque(path) {
      await blame(path, async () => {
        await inFlight.settle();
        if (path !== "" && (await root.stat(path)) === null) {
          await withParents(path, () => makeFolder(path, 0o700));
          folders.set(path, (await inherit(path)) ?? DEFAULT_FOLDER);
        }
        opaqueFolders.add(path);
      });
    },
    idle: () => inFlight.settle().catch(() => undefined),
    async finish() {
      await inFlight.settle();
      if (!folders.has("")) folders.set("", (await inherit("")) ?? DEFAULT_FOLDER);
      for (const [path, metadata] of folders) {
        const opaque: Record<string, Buffer> = opaqueFolders.has(path) && path !== "" ? { [OPAQUE_XATTR]: OPAQUE_VALUE } : {};
        const whole = { ...metadata, xattrs: { ...metadata.xattrs, ...opaque } };
        await inFlight.start(path, () => blame(path, () => setFolderMetadata(root, path, whole)));
      }
      await inFlight.settle();
      return { opaqueRoot: opaqueFolders.has("") };
    },
  };
}

const DEFAULT_FOLDER: EntryMetadata = { uid: 0, gid: 0, mode: 0o755, mtimeNs: 0n, xattrs: {} };

/** Overlayfs deletes with a character device 0:0. */
export function isWhiteout(entry: Pick<EntryStat, "kind" | "rdevMajor" | "rdevMinor"> | null): boolean {
  return entry?.kind === "character" && entry.rdevMajor === 0 && entry.rdevMinor === 0;
}

/** A later entry may have put something else in the folder's place. */
async function setFolderMetadata(root: NativeRoot, path: string, metadata: EntryMetadata): Promise<void> {
  const existing = await root.stat(path);
  if (existing?.kind === "directory") await root.setMetadata(path, metadata);
}

function metadataOf(entry: TarEntry): EntryMetadata {
  return { uid: entry.uid, gid: entry.gid, mode: entry.mode, mtimeNs: entry.mtimeNs, xattrs: imageXattrs(entry.xattrs) };
}

async function readAll(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of body) parts.push(part);
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

async function writeFile(descriptor: number, body: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const chunk of body) {
      for (let done = 0; done < chunk.byteLength; ) done += (await writeBytes(descriptor, chunk, done)).bytesWritten;
    }
  } finally {
    await closeDescriptor(descriptor);
  }
}

async function blame(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!ARCHIVE_ERRNOS.has(errnoOf(error) ?? "")) throw error;
    throw new BerthError("layer_invalid", `the entry ${JSON.stringify(path)} cannot be made: ${errorText(error)}`, { cause: error });
  }
}
