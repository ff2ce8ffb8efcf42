import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { BerthError } from "../../../shared/domain/index.ts";
import { isDigest, MAX_MANIFEST_BYTES } from "../../../shared/oci/index.ts";
import type { BlobStore } from "../content/blob-store.ts";
import { decompressed } from "../content/compression.ts";
import type { IngestSession } from "../content/ingest-session.ts";
import { readTar } from "../tar/read-tar.ts";
import type { TarEntry } from "../tar/tar-entry.ts";
import type { Progress } from "../types.ts";
import { entryPath, parentOf } from "../unpack/entry-path.ts";

/** An archive taken in: blobs are in the store, the rest lies here. Its names are only keys, never paths on the disk. */
export interface SpooledArchive {
  /** Small JSON files by their path in the archive. */
  documents: Map<string, Buffer>;
  /** docker-archive's layers: path in the archive -> file in the session. */
  files: Map<string, string>;
  /** Links between layers in old docker-archives: path -> path. */
  links: Map<string, string>;
  /** Nothing at all was in it. */
  isEmpty: boolean;
}

/** An image has a handful; bounds the memory that documents take. */
const MAX_DOCUMENTS = 10_000;

/**
 * Reads the archive's stream once. Blobs of an OCI layout go straight into the store, checked against their names.
 * @throws BerthError image_invalid, layer_invalid, digest_mismatch
 */
export async function spoolArchive(
  ports: { blobs: BlobStore; session: IngestSession },
  archive: AsyncIterable<Uint8Array>,
  progress: Progress,
  signal: AbortSignal,
): Promise<SpooledArchive> {
  const spooled: SpooledArchive = { documents: new Map(), files: new Map(), links: new Map(), isEmpty: true };
  await readTar(decompressed(archive), async (entry, body) => {
    signal.throwIfAborted();
    spooled.isEmpty = false;
    const path = entryPath(entry.path);
    if (entry.type === "symlink" || entry.type === "link") spooled.links.set(path, linkedPath(path, entry));
    if (entry.type !== "file") return;
    progress({ step: "load", detail: path, total: entry.size });
    await takeFile(ports, spooled, { path, size: entry.size, body, signal });
  });
  return spooled;
}

interface ArchiveFile {
  path: string;
  size: number;
  body: AsyncIterable<Buffer>;
  signal: AbortSignal;
}

async function takeFile(ports: { blobs: BlobStore; session: IngestSession }, spooled: SpooledArchive, file: ArchiveFile): Promise<void> {
  const digest = blobDigest(file.path);
  if (digest !== null) {
    await ports.blobs.write(file.body, file.signal, { digest, size: file.size });
  } else if (isDocument(file.path)) {
    if (file.size > MAX_MANIFEST_BYTES || spooled.documents.size >= MAX_DOCUMENTS) {
      throw new BerthError("image_invalid", `the archive's ${JSON.stringify(file.path)} is too large, or there are too many such files`);
    }
    spooled.documents.set(file.path, await collect(file.body));
  } else {
    const temporary = ports.session.temporaryPath();
    await pipeline(Readable.from(file.body), createWriteStream(temporary, { flags: "wx", mode: 0o600 }), { signal: file.signal });
    spooled.files.set(file.path, temporary);
  }
}

/** Of "blobs/<algorithm>/<hex>"; null for anything else. */
export function blobDigest(path: string): string | null {
  const [, algorithm, hex] = /^blobs\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : null;
}

function isDocument(path: string): boolean {
  return path.endsWith(".json") || path === "oci-layout" || path === "repositories" || path.endsWith("/json") || path.endsWith("/VERSION");
}

function linkedPath(path: string, entry: TarEntry): string {
  const parts = entry.type === "link" ? [] : parentOf(path).split("/");
  for (const part of entry.linkPath.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.filter((part) => part !== "").join("/");
}

async function collect(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
