import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { BerthError, type Clock, isBerthError } from "../../shared/domain/index.ts";
import { canonicalJson, formatReference, MEDIA_TYPES, makeManifest, parseReference } from "../../shared/oci/index.ts";
import type { Native } from "../platform/index.ts";
import { loadArchive } from "./archive/load-archive.ts";
import { saveArchive } from "./archive/save-archive.ts";
import { unpackingCommit } from "./archive/unpacking-commit.ts";
import { type BlobStore, createBlobStore } from "./content/blob-store.ts";
import { makeDirectories } from "./content/durable-files.ts";
import { ingestLayer } from "./content/ingest-layer.ts";
import { type IngestSession, openIngestSession, pinnedDigests } from "./content/ingest-session.ts";
import { removeIdlePartials } from "./content/partial-blobs.ts";
import { pruneStore, type Reachable } from "./content/prune-store.ts";
import { registryLinks } from "./content/registry-links.ts";
import { createStoreLock } from "./content/store-lock.ts";
import { removeUnfinishedCopies } from "./owners/chowned-layers.ts";
import { type StorePaths, storePaths } from "./paths.ts";
import type { WrapSource } from "./pull/download-blob.ts";
import { createPuller } from "./pull/pull-image.ts";
import { createPusher } from "./push/push-image.ts";
import { type ImageRecords, withImage, withoutImages } from "./records/image-records.ts";
import { createImageReader, type ImageContent } from "./records/read-image.ts";
import { createRecordFile, type RecordFile } from "./records/record-file.ts";
import { createRecordReserve, type RecordReserve } from "./records/record-reserve.ts";
import { removalOf } from "./records/remove-reference.ts";
import { resolveReference } from "./records/resolve-reference.ts";
import { quarantineDamaged } from "./scrub/quarantine-damaged.ts";
import { refuseQuarantined } from "./scrub/refuse-quarantined.ts";
import type { TrustGate } from "./trust/trust-gate.ts";
import type { Image, ImageStore } from "./types.ts";
import { createUnpacker } from "./unpack/unpack-image.ts";

interface StoreOptions {
  /** Absolute; made when missing, with mode 0700. */
  dataDir: string;
  native: Native;
  clock: Clock;
  /** What may be pulled; everything when left out. */
  trust?: TrustGate;
  /** Puts peers between blobs and their registry; only the registry is asked when left out. */
  wrapSource?: WrapSource;
}

/** The parts that the store's verbs share. */
interface StoreParts {
  paths: StorePaths;
  blobs: BlobStore;
  session: IngestSession;
  records: RecordFile;
  reserve: RecordReserve;
  readImage: (digest: string) => Promise<ImageContent>;
  native: Native;
  clock: Clock;
  trust: TrustGate | null;
}

/** Opens the image store of a data dir, sweeping what killed processes left. Several processes may have it open. */
export async function createImageStore(options: StoreOptions): Promise<ImageStore> {
  const paths = storePaths(options.dataDir);
  await makeDirectories([paths.dataDir, ...paths.blobFolders, paths.layers, paths.ingest, paths.partials, paths.quarantine], 0o700);
  const lock = createStoreLock({ path: paths.lockFile, native: options.native, clock: options.clock });
  const reserve = createRecordReserve(paths.imagesReserve);
  const records = createRecordFile(paths.imagesFile, lock, reserve);
  await records.sweep();
  // Before the session, which would stay for as long as the process does if this failed.
  await lock.run(reserve.fill);
  const session = await openIngestSession({ paths, native: options.native, lock });
  const blobs = createBlobStore(paths, session);
  const parts: StoreParts = {
    paths,
    blobs,
    session,
    records,
    reserve,
    readImage: createImageReader(blobs),
    native: options.native,
    clock: options.clock,
    trust: options.trust ?? null,
  };
  const commitManifest = manifestCommitter(parts);
  const unpack = createUnpacker(parts);
  const reading = readingVerbs(parts);
  const find = (digest: string, names: readonly string[]) => findWhole(parts, digest, names);
  const puller = createPuller({ ...parts, unpack, find, commitManifest, wrapSource: options.wrapSource ?? null });
  return {
    ...reading,
    ...namingVerbs(parts),
    addLayer: (tar, signal) => ingestLayer(blobs, tar, signal),
    async commit({ config, layers, reference }) {
      const stored = await blobs.put(Buffer.from(canonicalJson(config)));
      const manifest = makeManifest({ mediaType: MEDIA_TYPES.config, ...stored }, layers);
      return commitManifest(Buffer.from(canonicalJson(manifest)), reference === null ? [] : [reference]);
    },
    async unpack(image, progress, wanted) {
      await refuseQuarantined(paths, image);
      return unpack(image, progress, wanted);
    },
    ...puller,
    push: createPusher({ ...parts, get: reading.get, list: reading.list }),
    quarantine: ({ digest, configDigest, layers }, signal) =>
      quarantineDamaged(paths, [digest, configDigest, ...layers.map((layer) => layer.digest)], signal),
    load(archive, progress, signal, { unpack: now = false } = {}) {
      const commit = now ? unpackingCommit({ ...parts, unpack, commitManifest }, progress, signal) : commitManifest;
      return loadArchive({ blobs, session, commitManifest: commit }, archive, progress, signal);
    },
    async hold(digests) {
      for (const digest of digests) await session.pin(digest);
      return () => session.release(digests);
    },
    close: () => session.close(),
  };
}

function readingVerbs(parts: StoreParts): Pick<ImageStore, "get" | "list" | "has" | "save"> {
  const { records, blobs, readImage } = parts;
  const get = async (reference: string): Promise<Image> => {
    const known = await records.read();
    return withReferences(await readImage(resolveReference(known, reference)), known);
  };
  return {
    get,
    async list() {
      const known = await records.read();
      const contents = await readable(Object.keys(known.images).sort(), readImage);
      return contents.map((content) => withReferences(content, known));
    },
    async has(digests) {
      const sizes = await Promise.all(digests.map((digest) => blobs.size(digest)));
      return sizes.every((size) => size !== null);
    },
    async save(references, signal, format = "oci-archive"): Promise<Readable> {
      const images = await Promise.all(references.map(async (reference) => ({ reference, image: await get(reference) })));
      return saveArchive(blobs, images, format, signal);
    },
  };
}

function namingVerbs(parts: StoreParts): Pick<ImageStore, "tag" | "remove" | "prune"> {
  const { records, reserve, readImage, paths, blobs, session } = parts;
  return {
    async tag(source, reference) {
      const name = taggable(reference);
      let digest = "";
      const known = await records.update((before) => {
        digest = resolveReference(before, source);
        return withImage(before, digest, name);
      });
      return withReferences(await readImage(digest), known);
    },
    async remove(reference, force = false) {
      let result: { untagged: string[]; deleted: string[] } = { untagged: [], deleted: [] };
      await records.update((before) => {
        const removal = removalOf(before, reference, force);
        result = removal.result;
        return removal.records;
      });
      return result;
    },
    async prune(inUse) {
      // The names go first, on disk: a crash in between leaves blobs that nothing names, never names without blobs.
      await records.update(async (before) => withoutImages(before, await danglingImages(parts, before, inUse)));
      let freedBytes = 0;
      await records.update(async (known) => {
        freedBytes = await pruneStore(paths, blobs, session, await reachableFrom(parts, known, inUse));
        freedBytes += await removeIdlePartials(parts);
        await removeUnfinishedCopies(paths, parts.native);
        await parts.trust?.forgetAllBut(new Set(Object.keys(known.images)));
        await reserve.fill();
        return known;
      });
      return { freedBytes };
    },
  };
}

/** One damaged image must not hide the others: `berth images scrub` names it. */
async function readable(digests: readonly string[], read: (digest: string) => Promise<ImageContent>): Promise<ImageContent[]> {
  const contents = await Promise.all(
    digests.map((digest) =>
      read(digest).catch((error: unknown) => {
        if (isBerthError(error)) return null;
        throw error;
      }),
    ),
  );
  return contents.filter((content) => content !== null);
}

async function danglingImages({ paths, clock }: StoreParts, records: ImageRecords, inUse: ReadonlySet<string>): Promise<Set<string>> {
  const pinned = await pinnedDigests(paths, clock);
  const unnamed = Object.keys(records.images).filter((digest) => records.images[digest]?.references.length === 0);
  return new Set(unnamed.filter((digest) => !inUse.has(digest) && !pinned.has(digest)));
}

async function reachableFrom(
  { paths, clock, readImage }: StoreParts,
  records: ImageRecords,
  inUse: ReadonlySet<string>,
): Promise<Reachable> {
  const images = await readable(Object.keys(records.images), readImage);
  const named = images.flatMap((image) => [image.digest, image.configDigest, ...image.layers.map((layer) => layer.digest)]);
  const held = [...Object.keys(records.images), ...inUse, ...(await pinnedDigests(paths, clock))];
  return {
    blobs: new Set([...named, ...held, ...(await registryLinks(paths))]),
    chainIds: new Set([...images.flatMap((image) => image.chainIds), ...held]),
  };
}

/** Writes a manifest whose config and layers are in the store, then the names; only then the pins go. */
function manifestCommitter({ blobs, records, session, readImage }: StoreParts) {
  return async (
    manifest: Uint8Array,
    references: readonly string[],
    known: { aliases?: readonly string[]; digest?: string } = {},
  ): Promise<Image> => {
    const names = [...references.map(taggable), ...(known.aliases ?? [])];
    const { digest } = await blobs.put(manifest, known.digest);
    const content = await readImage(digest);
    const recorded = await records.update(async (before) => {
      // Under the lock that prune takes too: what is there now stays.
      await checkLayersPresent(blobs, content);
      return names.reduce((changed, name) => withImage(changed, digest, name), withImage(before, digest, null));
    });
    await session.release([digest, content.configDigest, ...content.layers.map((layer) => layer.digest)]);
    return withReferences(content, recorded);
  };
}

/** An image whose blobs are all there, by its manifest's digest. One that cannot be read is as good as absent: it is taken in anew. */
async function findWhole(parts: StoreParts, digest: string, names: readonly string[]) {
  const known = await parts.records.read();
  if (!Object.hasOwn(known.images, digest)) return null;
  try {
    const content = await parts.readImage(digest);
    await checkLayersPresent(parts.blobs, content);
    const image = withReferences(content, known);
    return {
      image,
      named: names.every((name) => image.references.includes(name)),
      unpacked: await allThere(content.chainIds.map(parts.paths.layer)),
    };
  } catch (error) {
    if (isBerthError(error)) return null;
    throw error;
  }
}

async function allThere(paths: readonly string[]): Promise<boolean> {
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => null)));
  return !found.includes(null);
}

async function checkLayersPresent(blobs: BlobStore, image: ImageContent): Promise<void> {
  for (const layer of image.layers) {
    if ((await blobs.size(layer.digest)) !== layer.size)
      throw new BerthError("image_invalid", `layer ${layer.digest} of image ${image.digest} is missing or incomplete`);
  }
}

function withReferences(content: ImageContent, records: ImageRecords): Image {
  return { ...content, references: records.images[content.digest]?.references ?? [] };
}

/** A name that may point at an image: a tag, not a digest. @throws BerthError invalid_reference */
function taggable(text: string): string {
  const reference = parseReference(text);
  if (reference.digest !== null)
    throw new BerthError("invalid_reference", `${JSON.stringify(text)} names content by its digest: it cannot be a tag`);
  // "sha256:abcdef" would look like the start of a digest; Docker refuses it, too.
  if (/^library\/sha(256|512)$/.test(reference.repository))
    throw new BerthError("invalid_reference", `${JSON.stringify(text)} reads like a digest: it cannot be a tag`);
  return formatReference(reference);
}
