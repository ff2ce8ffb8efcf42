import { close, write } from "node:fs";
import { promisify } from "node:util";
import { BerthError, errorText } from "../../../shared/domain/index.ts";
import type { EntryMetadata, EntryStat, Native, NativeRoot, RootOperation } from "../../platform/index.ts";
import { errnoOf } from "../content/storage-error.ts";
import type { TarEntry } from "../tar/tar-entry.ts";
import { checkLinkTarget, entryPath, parentOf } from "./entry-path.ts";
import { createOperationQueue } from "./operation-queue.ts";
import { imageXattrs, OPAQUE_XATTR } from "./xattr-policy.ts";

const writeBytes = promisify(write);
const closeDescriptor = promisify(close);

const S_IFCHR = 0o020000;
const S_IFIFO = 0o010000;
const OPAQUE_VALUE = Buffer.from("y");
/** What a malformed archive can make the kernel say; everything else is our trouble, not the layer's. */
const ARCHIVE_ERRNOS = new Set(["EEXIST", "EISDIR", "ELOOP", "EMLINK", "ENAMETOOLONG", "ENOENT", "ENOTDIR", "EPERM", "EXDEV", "EINVAL"]);

/** Smaller files are made many in one call; a larger one is written as it arrives. */
const SMALL_FILE_BYTES = 256 * 1024;

/** Metadata of folders that a layer implies without an entry of their own: as the layers below have it. */
export type InheritMetadata = (path: string) => Promise<EntryMetadata | null>;

/** Puts the entries of one layer into a folder of its own, in overlayfs's on-disk form. */
export interface LayerWriter {
  add(entry: TarEntry, path: string, body: AsyncIterable<Buffer>): Promise<void>;
  whiteout(path: string): Promise<void>;
  opaque(path: string): Promise<void>;
  /** Waits until nothing touches the folder any more. Nothing else may be called afterwards. Never throws. */
  close(): Promise<void>;
  /** Sets the folders' metadata: only now, as every new member changes its folder's time. */
  finish(): Promise<{ opaqueRoot: boolean }>;
}

/** Every path goes through `root`, which no path can leave. */
export function createLayerWriter(root: NativeRoot, inherit: InheritMetadata, memory: Pick<Native, "freeBuffer">): LayerWriter {
  const folders = new Map<string, EntryMetadata>();
  const opaqueFolders = new Set<string>();

  const implyParents = async (path: string): Promise<void> => {
    const parent = parentOf(path);
    if (parent === "" || (await root.stat(parent)) !== null) return;
    await implyParents(parent);
    await root.mkdir(parent, 0o755);
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
  const makeFolder = async (path: string): Promise<void> => {
    const existing = await root.stat(path);
    if (existing?.kind !== "directory") await withParents(path, () => root.mkdir(path, 0o700));
    if (isWhiteout(existing)) opaqueFolders.add(path);
  };
  const queue = createOperationQueue(root, memory, {
    refused: (operation, error) =>
      blame(operation.path, async () => {
        if (errnoOf(error) !== "EEXIST" && errnoOf(error) !== "ENOENT") throw error;
        if (operation.kind === "folder") await makeFolder(operation.path);
        else await withParents(operation.path, () => applyOne(root, operation));
      }),
    made: (operation) => {
      if (operation.kind === "folder") folders.set(operation.path, operation.metadata);
    },
  });
  const makers: Record<TarEntry["type"], (entry: TarEntry, path: string, body: AsyncIterable<Buffer>) => Promise<void>> = {
    async file(entry, path, body) {
      if (entry.size <= SMALL_FILE_BYTES) {
        const content = await filled(await queue.room(entry.size), body);
        return queue.push({ kind: "file", path, content, metadata: metadataOf(entry) });
      }
      await queue.settle();
      await writeFile(await withParents(path, () => root.createFile(path, 0o600)), body);
      await root.setMetadata(path, metadataOf(entry));
    },
    async directory(entry, path) {
      if (path === "") folders.set(path, metadataOf(entry));
      else await queue.push({ kind: "folder", path, metadata: metadataOf(entry) });
    },
    async symlink(entry, path) {
      checkLinkTarget(path, entry.linkPath);
      const metadata = { ...metadataOf(entry), xattrs: imageXattrs(entry.xattrs, true) };
      await queue.push({ kind: "symlink", path, target: entry.linkPath, metadata });
    },
    async link(entry, path) {
      const target = entryPath(entry.linkPath);
      if (target === path) return;
      await queue.settle();
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
      await queue.settle();
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
        await queue.settle();
        const existing = await root.stat(path);
        // A whiteout speaks of lower layers: what this layer itself has there stays, and already hides a lower file.
        if (existing?.kind === "directory") opaqueFolders.add(path);
        else if (existing === null) await makeWhiteout(path);
      });
    },
    async opaque(path) {
      await blame(path, async () => {
        await queue.settle();
        if (path !== "" && (await root.stat(path)) === null) {
          await withParents(path, () => root.mkdir(path, 0o700));
          folders.set(path, (await inherit(path)) ?? DEFAULT_FOLDER);
        }
        opaqueFolders.add(path);
      });
    },
    close: () => queue.close(),
    async finish() {
      await queue.settle();
      if (!folders.has("")) folders.set("", (await inherit("")) ?? DEFAULT_FOLDER);
      for (const [path, metadata] of folders) {
        const opaque: Record<string, Buffer> = opaqueFolders.has(path) && path !== "" ? { [OPAQUE_XATTR]: OPAQUE_VALUE } : {};
        const whole = { ...metadata, xattrs: { ...metadata.xattrs, ...opaque } };
        await queue.push({ kind: "folder-metadata", path, metadata: whole });
      }
      await queue.settle();
      return { opaqueRoot: opaqueFolders.has("") };
    },
  };
}

const DEFAULT_FOLDER: EntryMetadata = { uid: 0, gid: 0, mode: 0o755, mtimeNs: 0n, xattrs: {} };

/** Overlayfs deletes with a character device 0:0. */
export function isWhiteout(entry: Pick<EntryStat, "kind" | "rdevMajor" | "rdevMinor"> | null): boolean {
  return entry?.kind === "character" && entry.rdevMajor === 0 && entry.rdevMinor === 0;
}

async function applyOne(root: NativeRoot, operation: RootOperation): Promise<void> {
  const failed = await root.apply([operation]);
  if (failed !== null) throw failed.error;
}

function metadataOf(entry: TarEntry): EntryMetadata {
  return { uid: entry.uid, gid: entry.gid, mode: entry.mode, mtimeNs: entry.mtimeNs, xattrs: imageXattrs(entry.xattrs) };
}

/** The chunks of a body hold only until the next one. */
async function filled(room: Buffer, body: AsyncIterable<Buffer>): Promise<Buffer> {
  let taken = 0;
  for await (const part of body) taken += part.copy(room, taken);
  return room;
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
