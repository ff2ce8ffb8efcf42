import { Readable } from "node:stream";
import { BerthError } from "../../../shared/domain/index.ts";
import {
  algorithmOf,
  canonicalJson,
  digestHex,
  familiarReference,
  isDigest,
  MAX_MANIFEST_BYTES,
  MEDIA_TYPES,
  parseManifest,
  parseReference,
} from "../../../shared/oci/index.ts";
import type { BlobStore } from "../content/blob-store.ts";
import type { TarEntry } from "../tar/tar-entry.ts";
import { type TarMember, writeTar } from "../tar/write-tar.ts";
import type { ArchiveFormat, Image } from "../types.ts";

interface Named {
  /** As the caller wrote it: names the image in the archive unless it is a digest. */
  reference: string;
  image: Image;
}

/**
 * Images as one tar: each blob once, however many images have it; same images, same bytes.
 *
 * oci-archive: an OCI image layout, and beside it Docker's manifest.json over the same blobs (as `docker save` writes it since
 * 25), so that one archive suits skopeo, containerd, podman and every Docker.
 * docker-archive: Docker's form alone: manifest.json, and what it names. Layers stay compressed: every reader takes them so.
 */
export function saveArchive(blobs: BlobStore, images: readonly Named[], format: ArchiveFormat, signal: AbortSignal): Readable {
  const members = format === "oci-archive" ? ociMembers(blobs, merged(images)) : dockerMembers(blobs, merged(images));
  return Readable.from(writeTar(members), { objectMode: false, signal });
}

/** An image and all the names it has in the archive. */
interface Saved {
  image: Image;
  names: string[];
}

/** One image asked for by several names is saved once. */
function merged(images: readonly Named[]): Saved[] {
  const saved = new Map<string, Saved>();
  for (const { reference, image } of images) {
    const known = saved.get(image.digest) ?? { image, names: [] };
    const name = isDigest(reference) ? null : nameFor(reference, image);
    if (name !== null && !known.names.includes(name)) known.names.push(name);
    saved.set(image.digest, known);
  }
  return [...saved.values()];
}

async function* ociMembers(blobs: BlobStore, images: readonly Saved[]): AsyncGenerator<TarMember> {
  yield document("oci-layout", { imageLayoutVersion: "1.0.0" });
  const manifests = [];
  for (const saved of images) manifests.push(...(await indexEntries(blobs, saved)));
  yield document("index.json", { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests });
  yield dockerManifest(images, blobPath, blobPath);
  for (const digest of blobsOf(images)) yield await blobMember(blobs, digest, blobPath(digest));
}

async function* dockerMembers(blobs: BlobStore, images: readonly Saved[]): AsyncGenerator<TarMember> {
  const configPath = (digest: string) => `${digestHex(digest)}.json`;
  const layerPath = (digest: string) => `${digestHex(digest)}/layer.tar`;
  yield dockerManifest(images, configPath, layerPath);
  const layers = new Set(images.flatMap(({ image }) => image.layers.map(({ digest }) => digest)));
  for (const digest of new Set(images.map(({ image }) => image.configDigest))) yield await blobMember(blobs, digest, configPath(digest));
  for (const digest of layers) yield await blobMember(blobs, digest, layerPath(digest));
}

function dockerManifest(
  images: readonly Saved[],
  configPath: (digest: string) => string,
  layerPath: (digest: string) => string,
): TarMember {
  const items = images.map(({ image, names }) => ({
    Config: configPath(image.configDigest),
    RepoTags: names.length === 0 ? null : names.map((name) => familiarReference(parseReference(name))),
    Layers: image.layers.map(({ digest }) => layerPath(digest)),
  }));
  return document("manifest.json", items);
}

function blobsOf(images: readonly Saved[]): Set<string> {
  return new Set(images.flatMap(({ image }) => [image.digest, image.configDigest, ...image.layers.map((layer) => layer.digest)]));
}

async function blobMember(blobs: BlobStore, digest: string, path: string): Promise<TarMember> {
  const size = await blobs.size(digest);
  if (size === null) throw new BerthError("image_invalid", `blob ${digest} is missing: pull, load or build its image again`);
  return { entry: fileEntry(path, size), body: blobs.stream(digest) };
}

/** An entry for each name, or one without a name. */
async function indexEntries(blobs: BlobStore, { image, names }: Saved): Promise<object[]> {
  const entry = {
    mediaType: parseManifest(await blobs.read(image.digest, MAX_MANIFEST_BYTES)).mediaType ?? MEDIA_TYPES.manifest,
    digest: image.digest,
    size: (await blobs.size(image.digest)) ?? 0,
    platform: { architecture: image.config.architecture, os: image.config.os },
  };
  return names.length === 0 ? [entry] : names.map((name) => ({ ...entry, annotations: annotationsFor(name) }));
}

/** Docker and containerd read the full name from their own key; the spec's key holds the tag. */
function annotationsFor(name: string): Record<string, string> {
  const { tag } = parseReference(name);
  return { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag ?? familiarReference(parseReference(name)) };
}

/** The tag it was asked by, else its first; one that stands for a digest names nothing in an archive. */
function nameFor(reference: string, image: Image): string | null {
  const tags = image.references.filter((name) => parseReference(name).digest === null);
  return tags.find((name) => familiarReference(parseReference(name)) === reference || name === reference) ?? tagOf(reference, tags);
}

function tagOf(reference: string, tags: readonly string[]): string | null {
  const withLatest = tags.find((name) => familiarReference(parseReference(name)) === `${reference}:latest`);
  return withLatest ?? tags[0] ?? null;
}

function blobPath(digest: string): string {
  return `blobs/${algorithmOf(digest)}/${digestHex(digest)}`;
}

function document(path: string, content: object): TarMember {
  const bytes = Buffer.from(canonicalJson(content));
  return { entry: fileEntry(path, bytes.byteLength), body: [bytes] };
}

function fileEntry(path: string, size: number): TarEntry {
  return { type: "file", path, linkPath: "", mode: 0o644, uid: 0, gid: 0, size, mtimeNs: 0n, xattrs: {} };
}
