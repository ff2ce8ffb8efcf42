import { rm } from "node:fs/promises";
import { BerthError } from "../../../shared/domain/index.ts";
import type { BlobStore } from "../content/blob-store.ts";
import type { IngestSession } from "../content/ingest-session.ts";
import type { Image, LoadedImage, Progress } from "../types.ts";
import { loadDockerArchive } from "./load-docker-archive.ts";
import { loadOciLayout } from "./load-oci-layout.ts";
import { spoolArchive } from "./spool-archive.ts";

/** What loading needs of the store. */
export interface LoadPorts {
  blobs: BlobStore;
  session: IngestSession;
  /** Writes the manifest (its config and layers are in the store) and names it. */
  commitManifest(manifest: Uint8Array, references: readonly string[], known?: { digest: string }): Promise<Image>;
}

/**
 * Reads an oci-archive or a docker-archive, gzipped or not, and commits its images. An archive that is both (docker save
 * since 25) is read as OCI: its digests can be checked.
 * @throws BerthError image_invalid, layer_invalid, digest_mismatch, insufficient_storage
 */
export async function loadArchive(
  ports: LoadPorts,
  archive: AsyncIterable<Uint8Array>,
  progress: Progress,
  signal: AbortSignal,
): Promise<LoadedImage[]> {
  const spooled = await spoolArchive(ports, archive, progress, signal);
  try {
    const index = spooled.documents.get("index.json");
    if (index !== undefined) return await loadOciLayout(ports, index);
    const manifest = spooled.documents.get("manifest.json");
    if (manifest !== undefined) return await loadDockerArchive(ports, spooled, manifest, signal);
    if (spooled.isEmpty) throw new BerthError("image_invalid", "the archive is empty: look at what made it");
    throw new BerthError("image_invalid", "the archive has neither index.json (oci-archive) nor manifest.json (docker-archive)");
  } finally {
    for (const file of spooled.files.values()) await rm(file, { force: true });
  }
}
