import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BerthError } from "../../../shared/domain/index.ts";
import { type EntryMetadata, exists, type Native, type NativeRoot, syncFolder } from "../../platform/index.ts";
import type { BlobStore } from "../content/blob-store.ts";
import { decompressed } from "../content/compression.ts";
import type { IngestSession } from "../content/ingest-session.ts";
import { asStorageError, errnoOf } from "../content/storage-error.ts";
import type { StorePaths } from "../paths.ts";
import type { Image, Progress } from "../types.ts";
import type { InheritMetadata } from "./layer-writer.ts";
import { createSharedFlush } from "./shared-flush.ts";
import { layerLimits, unpackLayer } from "./unpack-layer.ts";

interface UnpackPorts {
  paths: StorePaths;
  native: Native;
  blobs: BlobStore;
  session: IngestSession;
}

/** What unpacking needs to know of an image: one that is being pulled is not in the store yet. */
export type UnpackableImage = Pick<Image, "digest" | "references" | "layers" | "chainIds" | "config">;

/** The compressed bytes of a layer, each chunk until the next one is asked for; they need not be verified, as what they unpack to is. */
export type LayerSource = (digest: string) => AsyncIterable<Uint8Array>;

export type Unpack = (image: UnpackableImage, progress: Progress, signal: AbortSignal, source?: LayerSource) => Promise<void>;

/** One is decompressed while the other is written; a third would only wait for the disk and hold memory. */
const LAYERS_AT_ONCE = 2;

/** One layer on its way: whoever has the next one to unpack waits for the first, whoever needs its files for the second. */
interface Unpacking {
  /** Its bytes are read and its files made, not yet on disk. Resolves also where it failed. */
  written: Promise<void>;
  published: Promise<void>;
}

/** Unpacks the layers of images, each chain ID once however many ask at the same time. */
export function createUnpacker(ports: UnpackPorts): Unpack {
  const running = new Map<string, Unpacking>();
  const flush = createSharedFlush(() => ports.native.syncFileSystem(ports.paths.layers));
  const once = (chainId: string, work: (onWritten: () => void) => Promise<void>): Unpacking => {
    const started = running.get(chainId) ?? startUnpacking((onWritten) => work(onWritten).finally(() => running.delete(chainId)));
    running.set(chainId, started);
    return started;
  };
  return async (image, progress, signal, source = ports.blobs.stream) => {
    const started: Promise<void>[] = [];
    const queue = image.chainIds.entries();
    const unpackAt = (index: number, chainId: string): Unpacking =>
      startUnpacking(async (onWritten) => {
        // Taken before the first await: those below have begun, and may be waited for.
        const below = started.slice(0, index);
        if (await exists(ports.paths.layer(chainId))) return;
        progress({ step: "unpack", detail: image.references[0] ?? image.digest, current: index + 1, total: image.chainIds.length });
        const unpacking = once(chainId, (whenWritten) => unpackOne({ ...ports, flush }, image, index, source, below, whenWritten));
        unpacking.written.then(onWritten);
        await unpacking.published;
      });
    const stopped = new AbortController();
    const worker = async (): Promise<void> => {
      for (const [index, chainId] of queue) {
        signal.throwIfAborted();
        if (stopped.signal.aborted) return;
        const { written, published } = unpackAt(index, chainId);
        started[index] = published.catch((error: unknown) => {
          stopped.abort();
          throw error;
        });
        started[index].catch(() => undefined);
        // The work is not tied to this caller's signal, nor is what it waits for: others may wait for the same layer.
        await unlessAborted(written, signal);
      }
    };
    await settled(Array.from({ length: LAYERS_AT_ONCE }, () => worker().finally(() => stopped.abort())));
    await unlessAborted(settled(started), signal);
  };
}

function startUnpacking(work: (onWritten: () => void) => Promise<void>): Unpacking {
  let onWritten: () => void = () => undefined;
  const written = new Promise<void>((resolve) => {
    onWritten = resolve;
  });
  const published = work(onWritten);
  published.then(onWritten, onWritten);
  return { written, published };
}

/** Waits for all, so that nothing goes on behind a caller that was told of a failure. @throws the first failure */
async function settled(works: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) if (result.status === "rejected") throw result.reason;
}

async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true, signal: done.signal });
  });
  // Promise.race listens to both, so neither can end up as an unhandled rejection.
  await Promise.race([work, aborted]).finally(() => done.abort());
}

/** `below` are the layers under it: what a folder without an entry of its own looks like there is known only then. */
async function unpackOne(
  ports: UnpackPorts & { flush: () => Promise<void> },
  image: UnpackableImage,
  index: number,
  source: LayerSource,
  below: readonly Promise<void>[],
  onWritten: () => void,
): Promise<void> {
  const { paths, native, session } = ports;
  const chainId = image.chainIds[index] as string;
  const temporary = session.temporaryPath();
  // Not recursive: Node calls a full disk ENOENT there.
  for (const path of [temporary, join(temporary, "fs")])
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => Promise.reject(asStorageError(error)));
  const root = await native.openRoot(join(temporary, "fs"));
  const lower = createLowerMetadata(native, image.chainIds.slice(0, index).map(paths.layerFiles).reverse());
  try {
    const layer = image.layers[index] as Image["layers"][number];
    const tar = decompressed(source(layer.digest), native);
    const limits = layerLimits(layer.size);
    const inherit: InheritMetadata = async (path) => {
      await Promise.all(below);
      return lower.inherit(path);
    };
    const expected = image.config.rootfs.diff_ids[index] as string;
    const unpacked = await unpackLayer({ tar, root, native, inherit, signal: new AbortController().signal, limits, expected });
    if (unpacked.diffId !== expected) {
      throw new BerthError("digest_mismatch", `layer ${layer.digest} unpacks to ${unpacked.diffId}, the image config says ${expected}`);
    }
    if (unpacked.opaqueRoot) await writeFile(join(temporary, "opaque"), "");
    onWritten();
    await ports.flush();
    await publish(temporary, paths.layer(chainId), paths.layers);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw asStorageError(error);
  } finally {
    root.close();
    lower.close();
  }
}

/** Makes a layer visible that is on disk. */
async function publish(temporary: string, target: string, folder: string): Promise<void> {
  try {
    await rename(temporary, target);
  } catch (error) {
    if (errnoOf(error) !== "ENOTEMPTY" && errnoOf(error) !== "EEXIST") throw error;
    // Another process was faster: same chain ID, same content.
    await rm(temporary, { recursive: true, force: true });
  }
  await syncFolder(folder);
}

/** Looks folders up in the layers below, topmost first; opens them only when asked. */
function createLowerMetadata(native: Native, folders: readonly string[]) {
  const opened: NativeRoot[] = [];
  const rootAt = async (index: number): Promise<NativeRoot> => {
    const root = opened[index] ?? (await native.openRoot(folders[index] as string));
    opened[index] = root;
    return root;
  };
  return {
    async inherit(path: string): Promise<EntryMetadata | null> {
      for (let index = 0; index < folders.length; index++) {
        const root = await rootAt(index);
        const found = await root.stat(path);
        if (found === null) continue;
        return found.kind === "directory" ? { uid: found.uid, gid: found.gid, mode: found.mode, mtimeNs: found.mtimeNs, xattrs: {} } : null;
      }
      return null;
    },
    close: () => {
      for (const root of opened) root.close();
    },
  };
}
