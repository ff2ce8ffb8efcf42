import type { Readable } from "node:stream";
import type { Descriptor, ImageConfig } from "../../shared/oci/index.ts";
import type { IdMapping, ReadableRoot } from "../platform/index.ts";
import type { UsableVariant } from "./owners/choose-variant.ts";
import type { BlobFetch } from "./pull/fetch-blob-once.ts";
import type { Pull } from "./pull/pull-image.ts";
import type { Push } from "./push/push-image.ts";

export type { Descriptor, ImageConfig };

export interface Image {
  /** Digest of the manifest: the image's identity. */
  digest: string;
  /** Normalised references that name it ("docker.io/library/debian:bookworm"). */
  references: string[];
  config: ImageConfig;
  configDigest: string;
  layers: Descriptor[];
  /** Chain IDs, bottom first: names of the unpacked layers. */
  chainIds: string[];
  /** Sum of the compressed layers, bytes. */
  sizeBytes: number;
  createdAt: string | null;
}

/** `names`: what the archive calls it, normalised; `references` has the older ones too. */
export type LoadedImage = Image & { names: string[] };

/** A layer that was taken in: compressed blob stored and verified, not yet unpacked. */
export interface StoredLayer {
  descriptor: Descriptor;
  diffId: string;
}

/** `from`: who sends it, where that is not the registry. */
export type Progress = (line: { step: string; detail?: string; current?: number; total?: number; from?: string }) => void;

export type ArchiveFormat = "oci-archive" | "docker-archive";

export interface ImageStore {
  /** @throws BerthError image_not_found, invalid_reference. Accepts name, name:tag, digest, or an unambiguous digest prefix. */
  get(reference: string): Promise<Image>;
  list(): Promise<Image[]>;
  /** Reads an uncompressed layer tar, stores it compressed (deterministic bytes). @throws layer_invalid, insufficient_storage */
  addLayer(tar: Readable, signal: AbortSignal): Promise<StoredLayer>;
  /** Writes config and manifest, then the reference (when given). Same inputs, same digest. */
  commit(image: { config: ImageConfig; layers: Descriptor[]; reference: string | null }): Promise<Image>;
  tag(source: string, reference: string): Promise<Image>;
  /**
   * Removes a reference; the last one lets the image go. Returns what was removed.
   * @throws conflict for a digest with several names, without `force`
   */
  remove(reference: string, force?: boolean): Promise<{ untagged: string[]; deleted: string[] }>;
  /** Frees blobs and layers that nothing reaches. `inUse` are chain IDs and digests that containers hold. */
  prune(inUse: ReadonlySet<string>): Promise<{ freedBytes: number }>;
  /** Unpacks every layer that is not there yet (once, by chain ID). */
  unpack(image: Image, progress: Progress, signal: AbortSignal): Promise<void>;
  /** A tar of the images, by default an oci-archive that is a docker-archive too. Same images, same bytes. */
  save(references: string[], signal: AbortSignal, format?: ArchiveFormat): Promise<Readable>;
  /**
   * Reads an oci-archive or docker-archive tar, gzipped or not. With `unpack` an image gets its name when its layers are unpacked.
   * @throws image_invalid, layer_invalid, digest_mismatch, insufficient_storage
   */
  load(archive: Readable, progress: Progress, signal: AbortSignal, options?: { unpack?: boolean }): Promise<LoadedImage[]>;
  /**
   * Pulls an image from its registry and unpacks it; nothing is done when it is here and whole.
   * @throws BerthError invalid_reference, image_not_found, image_invalid, layer_invalid, digest_mismatch, registry_*, insufficient_storage
   */
  pull: Pull;
  /** A blob that is being fetched: how far, and its bytes as they come, not yet verified; null when none is. */
  inFlight(digest: string): Pick<BlobFetch, "size" | "contiguous" | "bytes"> | null;
  /** Pushes an image to the registry of its name. @throws BerthError image_not_found, invalid_reference, registry_* */
  push: Push;
  /** Moves the image's blobs whose bytes are damaged out of the store, so that a pull fetches them again. Returns their digests. */
  quarantine(image: Image, signal: AbortSignal): Promise<string[]>;
  /** True when every blob is in the store: a builder asks before it reuses layers that no image may name any more. */
  has(digests: readonly string[]): Promise<boolean>;
  /** Keeps blobs (digests) and unpacked layers (chain IDs) from prune, whatever names them, until the returned function is called. */
  hold(digests: readonly string[]): Promise<() => Promise<void>>;
  /** Ends this process's hold on what it took in but did not commit. */
  close(): Promise<void>;
}

/** Overlay mounts of containers and builds over unpacked layers. */
export interface Snapshots {
  /**
   * Mounts the image's layers with a writable layer of its own at <containerDir>/{upper,work,rootfs}; idempotent.
   */
  mount(containerDir: string, chainIds: string[], options?: MountOptions): Promise<{ rootfs: string }>;
  /** How mounts with that mapping are made here. @throws BerthError missing_requirement when they cannot be as configured */
  ownersVariant(mapping: IdMapping): Promise<UsableVariant>;
  /** The writable layer's files as the container sees them, mounted or not. The caller closes it. */
  openUpper(containerDir: string): Promise<ReadableRoot>;
  /** The folders of the unpacked layers that a mount stands on, top first. @throws BerthError image_not_found */
  lowerDirs(chainIds: string[]): Promise<string[]>;
  unmount(containerDir: string): Promise<void>;
  /**
   * The writable layer as an OCI layer tar: whiteouts for what was deleted, opaque folders for what was replaced.
   * Same tree, same bytes.
   */
  diff(containerDir: string, options?: DiffOptions): Promise<Readable>;
}

export interface MountOptions {
  /** Further read-only folders above the image's, top first. */
  topLayers?: readonly string[];
  /** Bounds what may be written (ENOSPC beyond it); null or left out is as much as the disk has. */
  writableBytes?: number | null;
  /** Files appear to the host as of these ids, so that a user namespace with them sees the image's own; null for no change. */
  idMapping?: IdMapping | null;
}

export interface DiffOptions {
  /** Younger times are set back to it, so that a rebuild has equal bytes. */
  latestMtimeNs?: bigint;
  /** Paths relative to the root that are left out with all below them. */
  exclude?: (path: string, size: number) => boolean;
}
