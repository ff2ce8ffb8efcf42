import { Type } from "typebox";
import { Value } from "typebox/value";
import { BerthError, errorText } from "../../../shared/domain/index.ts";
import { canonicalJson, MEDIA_TYPES, makeManifest, normaliseReference, parseImageConfig } from "../../../shared/oci/index.ts";
import { decompressed } from "../content/compression.ts";
import { fileBytes } from "../content/file-bytes.ts";
import { ingestLayer } from "../content/ingest-layer.ts";
import type { LoadedImage, StoredLayer } from "../types.ts";
import type { LoadPorts } from "./load-archive.ts";
import { blobDigest, type SpooledArchive } from "./spool-archive.ts";

const ManifestListSchema = Type.Array(
  Type.Object({
    Config: Type.String(),
    RepoTags: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
    Layers: Type.Array(Type.String()),
  }),
);

/**
 * Commits the images of a docker-archive's manifest.json. The config's bytes are kept, so the image keeps Docker's ID.
 * @throws BerthError image_invalid, layer_invalid, digest_mismatch
 */
export async function loadDockerArchive(
  ports: LoadPorts,
  archive: SpooledArchive,
  manifest: Buffer,
  signal: AbortSignal,
): Promise<LoadedImage[]> {
  const images: LoadedImage[] = [];
  for (const item of parseManifestList(manifest)) {
    const config = archive.documents.get(item.Config) ?? (await configBlob(ports, item.Config));
    const layers: StoredLayer[] = [];
    const diffIds = parseImageConfig(config).rootfs.diff_ids;
    for (const [index, path] of item.Layers.entries())
      layers.push(await takeLayer(ports, { archive, path, diffId: diffIds[index] }, signal));
    checkDiffIds(diffIds, layers);
    const stored = await ports.blobs.put(config);
    const document = makeManifest(
      { mediaType: MEDIA_TYPES.config, ...stored },
      layers.map((layer) => layer.descriptor),
    );
    const names = (item.RepoTags ?? []).map(normaliseReference);
    images.push({ ...(await ports.commitManifest(Buffer.from(canonicalJson(document)), names)), names });
  }
  return images;
}

function parseManifestList(bytes: Buffer) {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    if (Value.Check(ManifestListSchema, value)) return value;
  } catch (error) {
    throw new BerthError("image_invalid", `the archive's manifest.json is not JSON: ${errorText(error)}`, { cause: error });
  }
  throw new BerthError("image_invalid", "the archive's manifest.json is not a list of images");
}

async function takeLayer(
  ports: LoadPorts,
  { archive, path, diffId }: { archive: SpooledArchive; path: string; diffId: string | undefined },
  signal: AbortSignal,
): Promise<StoredLayer> {
  const file = archive.files.get(path) ?? archive.files.get(archive.links.get(path) ?? "");
  const blob = blobDigest(path);
  const source =
    file !== undefined ? fileBytes(file) : blob !== null && (await ports.blobs.size(blob)) !== null ? ports.blobs.stream(blob) : null;
  if (source === null) throw new BerthError("image_invalid", `the archive lacks the layer ${JSON.stringify(path)}`);
  return ingestLayer(ports.blobs, decompressed(source), signal, diffId);
}

async function configBlob(ports: LoadPorts, path: string): Promise<Buffer> {
  const digest = blobDigest(path);
  if (digest === null) throw new BerthError("image_invalid", `the archive lacks the config ${JSON.stringify(path)}`);
  return ports.blobs.read(digest, 8 * 1024 * 1024);
}

function checkDiffIds(expected: readonly string[], layers: readonly StoredLayer[]): void {
  const wrong = layers.findIndex((layer, index) => layer.diffId !== expected[index]);
  if (wrong < 0 && expected.length === layers.length) return;
  throw new BerthError("digest_mismatch", `layer ${wrong < 0 ? layers.length : wrong} of the archive is not what its config says`);
}
