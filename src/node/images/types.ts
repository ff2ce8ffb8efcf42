import type { Readable } from "node:stream";

/** OCI image config, the parts Berth reads and writes (image-spec config.md). */
export interface ImageConfig {
  created?: string;
  architecture: string;
  os: string;
  config: {
    User?: string;
    Env?: string[];
    Entrypoint?: string[];
    Cmd?: string[];
    WorkingDir?: string;
    Labels?: Record<string, string>;
    ExposedPorts?: Record<string, Record<string, never>>;
    Volumes?: Record<string, Record<string, never>>;
    StopSignal?: string;
  };
  rootfs: { type: "layers"; diff_ids: string[] };
  history?: { created?: string; created_by?: string; comment?: string; empty_layer?: boolean }[];
}

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

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

/** A layer that was taken in: compressed blob stored and verified, not yet unpacked. */
export interface StoredLayer {
  descriptor: Descriptor;
  diffId: string;
}

export interface Progress {
  (line: { step: string; detail?: string; current?: number; total?: number }): void;
}

export interface ImageStore {
  /** @throws BerthError image_not_found, invalid_reference. Accepts name, name:tag, digest, or an unambiguous digest prefix. */
  get(reference: string): Promise<Image>;
  list(): Promise<Image[]>;
  /** Reads an uncompressed layer tar, stores it compressed (deterministic bytes). @throws layer_invalid, insufficient_storage */
  addLayer(tar: Readable, signal: AbortSignal): Promise<StoredLayer>;
  /** Writes config and manifest, then the reference (when given). Same inputs, same digest. */
  commit(image: { config: ImageConfig; layers: Descriptor[]; reference: string | null }): Promise<Image>;
  tag(source: string, reference: string): Promise<Image>;
  /** Removes a reference; the last one lets the image go. Returns what was removed. */
  remove(reference: string): Promise<{ untagged: string[]; deleted: string[] }>;
  /** Frees blobs and layers that nothing reaches. `inUse` are chain IDs and digests that containers hold. */
  prune(inUse: ReadonlySet<string>): Promise<{ freedBytes: number }>;
  /** Unpacks every layer that is not there yet (once, by chain ID). */
  unpack(image: Image, progress: Progress, signal: AbortSignal): Promise<void>;
  /** An oci-archive tar of the images. */
  save(references: string[], signal: AbortSignal): Promise<Readable>;
  /** Reads an oci-archive or docker-archive tar. */
  load(archive: Readable, progress: Progress, signal: AbortSignal): Promise<Image[]>;
}

/** Overlay mounts of containers and builds over unpacked layers. */
export interface Snapshots {
  /** Mounts the image's layers with a writable layer of its own at <containerDir>/{upper,work,rootfs}; idempotent. */
  mount(containerDir: string, chainIds: string[]): Promise<{ rootfs: string }>;
  unmount(containerDir: string): Promise<void>;
  /** The writable layer as an OCI layer tar: whiteouts for what was deleted, opaque folders for what was replaced. */
  diff(containerDir: string): Promise<Readable>;
}
