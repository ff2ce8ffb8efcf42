import type { KeyObject } from "node:crypto";
import { Readable } from "node:stream";
import { algorithmOf, BerthError, isBerthError, type Reference } from "../../domain/index.ts";
import { type ArtifactDescriptor, parseArtifact } from "../artifact.ts";
import { canonicalJson } from "../canonical-json.ts";
import { digestOf } from "../digest.ts";
import { type Descriptor, makeManifest } from "../manifest.ts";
import { MEDIA_TYPES } from "../media-types.ts";
import type { RegistryClient } from "../registry/registry-client.ts";
import { signBytes } from "./keys.ts";
import { makeSimpleSigning, SIMPLE_SIGNING, signatureTag } from "./simple-signing.ts";

/** As many as a reader will look at: more would be signatures that nobody checks. */
export const MAX_SIGNATURES = 64;

export interface Signed {
  /** What was signed: a manifest's digest, or an index's. */
  digest: string;
  /** The tag that holds the signatures. */
  tag: string;
}

/**
 * Signs what a reference names in its registry as `cosign sign --key` does: the signature is one more layer of the manifest
 * at the tag sha256-<hex>.sig; earlier ones stay.
 * @throws BerthError image_not_found, invalid_reference (a sha512 digest), registry_*, image_invalid (what is at the tag is no list of signatures)
 */
export async function signImage(client: RegistryClient, reference: Reference, key: KeyObject, signal: AbortSignal): Promise<Signed> {
  const { registry, repository } = reference;
  const { digest } = await client.manifest(repository, reference.digest ?? reference.tag ?? "latest", signal);
  const payload = makeSimpleSigning({ digest, reference: `${registry}/${repository}` });
  if (algorithmOf(digest) !== "sha256")
    throw new BerthError(
      "invalid_reference",
      `cosign has no tag for signatures of ${digest}: name the image by its tag or by its sha256 digest`,
    );
  const tag = signatureTag(digest);
  const earlier = await signaturesAt(client, repository, tag, signal);
  const layer: Descriptor = {
    ...(await upload(client, repository, payload, SIMPLE_SIGNING.payload, signal)),
    annotations: { [SIMPLE_SIGNING.signature]: signBytes(payload, key).toString("base64") },
  };
  const layers = [...earlier, layer];
  if (layers.length > MAX_SIGNATURES)
    throw new BerthError("conflict", `${digest} has ${earlier.length} signatures already: remove the tag ${tag}`);
  const config = Buffer.from(canonicalJson(configFor(layers)));
  const manifest = makeManifest(await upload(client, repository, config, MEDIA_TYPES.config, signal), layers);
  const bytes = Buffer.from(canonicalJson(manifest));
  await client.putManifest(repository, tag, { bytes, mediaType: MEDIA_TYPES.manifest, digest: digestOf(bytes) }, signal);
  return { digest, tag };
}

async function signaturesAt(client: RegistryClient, repository: string, tag: string, signal: AbortSignal): Promise<ArtifactDescriptor[]> {
  try {
    const { bytes } = await client.manifest(repository, tag, signal);
    return parseArtifact(bytes).layers;
  } catch (error) {
    if (isBerthError(error, "image_not_found")) return [];
    throw error;
  }
}

async function upload(
  client: RegistryClient,
  repository: string,
  bytes: Buffer,
  mediaType: string,
  signal: AbortSignal,
): Promise<Descriptor> {
  const blob = { digest: digestOf(bytes), size: bytes.byteLength };
  const open = ({ from, to }: { from: number; to: number }) => Readable.from([bytes.subarray(from, to)], { objectMode: false });
  await client.uploadBlob(repository, { ...blob, open, elsewhere: [] }, signal);
  return { mediaType, ...blob };
}

/** cosign gives the layers an image config, so that any registry takes the manifest. */
function configFor(layers: readonly Descriptor[]) {
  return { architecture: "", os: "", config: {}, rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) } };
}
