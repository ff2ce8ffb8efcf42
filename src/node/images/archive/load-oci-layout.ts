import { BerthError } from "../../../shared/domain/index.ts";
import {
  type Descriptor,
  isIndexType,
  isManifestType,
  MAX_MANIFEST_BYTES,
  normaliseReference,
  parseIndex,
  platformArchitecture,
} from "../../../shared/oci/index.ts";
import type { BlobStore } from "../content/blob-store.ts";
import type { LoadedImage } from "../types.ts";
import type { LoadPorts } from "./load-archive.ts";

/** An index may name an index (multi-platform); deeper nesting has no use and could be a cycle. */
const MAX_DEPTH = 2;
const REF_NAME = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME = "io.containerd.image.name";

type IndexEntry = Descriptor & { platform?: { architecture: string; os: string } };

/**
 * Commits the images that an OCI layout's index.json names, for this machine's platform.
 * @throws BerthError image_invalid, digest_mismatch
 */
export async function loadOciLayout(ports: LoadPorts, index: Buffer): Promise<LoadedImage[]> {
  const images: LoadedImage[] = [];
  for (const entry of parseIndex(index).manifests as IndexEntry[]) {
    const manifest = await manifestFor(ports.blobs, entry, MAX_DEPTH);
    if (manifest === null) continue;
    const bytes = await ports.blobs.read(manifest.digest, MAX_MANIFEST_BYTES);
    const names = namesOf(entry).map(normaliseReference);
    images.push({ ...(await ports.commitManifest(bytes, names, { digest: manifest.digest })), names });
  }
  if (images.length === 0) throw new BerthError("image_invalid", `the archive has no image for linux/${platformArchitecture()}`);
  return images;
}

async function manifestFor(blobs: BlobStore, entry: IndexEntry, depth: number): Promise<IndexEntry | null> {
  if (isManifestType(entry.mediaType)) return entry;
  if (!isIndexType(entry.mediaType)) return null;
  if (depth === 0) throw new BerthError("image_invalid", `index ${entry.digest} is nested too deep`);
  const { manifests } = parseIndex(await blobs.read(entry.digest, MAX_MANIFEST_BYTES));
  const matching = (manifests as IndexEntry[]).find((candidate) => fitsPlatform(candidate));
  return matching === undefined ? null : manifestFor(blobs, matching, depth - 1);
}

function fitsPlatform({ platform }: IndexEntry): boolean {
  return platform === undefined || (platform.os === "linux" && platform.architecture === platformArchitecture());
}

/** Names as containerd and Docker write them in full; the spec's key may hold only a tag, which is no name. */
function namesOf(entry: IndexEntry): string[] {
  const full = entry.annotations?.[CONTAINERD_NAME];
  const short = entry.annotations?.[REF_NAME];
  if (full !== undefined) return [full];
  return short !== undefined && /[/:]/.test(short) ? [short] : [];
}
