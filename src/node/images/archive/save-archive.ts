import { Readable } from "node:stream";
import { canonicalJson, familiarReference, isDigest, MEDIA_TYPES, parseReference } from "../../../shared/oci/index.ts";
import type { BlobStore } from "../content/blob-store.ts";
import type { TarEntry } from "../tar/tar-entry.ts";
import { type TarMember, writeTar } from "../tar/write-tar.ts";
import type { Image } from "../types.ts";

interface Named {
  /** As the caller wrote it: names the image in the archive unless it is a digest. */
  reference: string;
  image: Image;
}

/**
 * An OCI image layout as one tar ("oci-archive"): oci-layout, index.json, then each blob once. Same images, same bytes.
 * Podman, skopeo, containerd and Docker (25 and later) load it.
 */
export function saveArchive(blobs: BlobStore, images: readonly Named[], signal: AbortSignal): Readable {
  return Readable.from(writeTar(members(blobs, images)), { objectMode: false, signal });
}

async function* members(blobs: BlobStore, images: readonly Named[]): AsyncGenerator<TarMember> {
  yield document("oci-layout", { imageLayoutVersion: "1.0.0" });
  const manifests = [];
  for (const named of images) manifests.push(await indexEntry(blobs, named));
  yield document("index.json", { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests });
  for (const digest of blobsOf(images)) {
    const size = (await blobs.size(digest)) ?? 0;
    yield { entry: fileEntry(`blobs/sha256/${digest.slice("sha256:".length)}`, size), body: blobs.stream(digest) };
  }
}

function blobsOf(images: readonly Named[]): Set<string> {
  return new Set(images.flatMap(({ image }) => [image.digest, image.configDigest, ...image.layers.map((layer) => layer.digest)]));
}

async function indexEntry(blobs: BlobStore, { reference, image }: Named): Promise<object> {
  const name = isDigest(reference) ? null : nameFor(reference, image);
  return {
    mediaType: MEDIA_TYPES.manifest,
    digest: image.digest,
    size: (await blobs.size(image.digest)) ?? 0,
    platform: { architecture: image.config.architecture, os: image.config.os },
    ...(name === null ? {} : { annotations: annotationsFor(name) }),
  };
}

/** Docker and containerd read the full name from their own key; the spec's key holds the tag. */
function annotationsFor(name: string): Record<string, string> {
  const { tag } = parseReference(name);
  return { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag ?? familiarReference(parseReference(name)) };
}

function nameFor(reference: string, image: Image): string | null {
  return (
    image.references.find((name) => familiarReference(parseReference(name)) === reference || name === reference) ??
    image.references[0] ??
    null
  );
}

function document(path: string, content: object): TarMember {
  const bytes = Buffer.from(canonicalJson(content));
  return { entry: fileEntry(path, bytes.byteLength), body: [bytes] };
}

function fileEntry(path: string, size: number): TarEntry {
  return { type: "file", path, linkPath: "", mode: 0o644, uid: 0, gid: 0, size, mtimeNs: 0n, xattrs: {} };
}
