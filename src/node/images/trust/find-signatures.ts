import { BerthError, errorText, isBerthError } from "../../../shared/domain/index.ts";
import {
  type ArtifactDescriptor,
  algorithmOf,
  BUNDLE_TYPE,
  isDigest,
  MAX_SIGNATURES,
  parseArtifact,
  type RegistryClient,
  readSmallBlob,
  SIMPLE_SIGNING,
  signatureTag,
} from "../../../shared/oci/index.ts";
import type { StoredSignature } from "./evidence.ts";

const MAX_PAYLOAD_BYTES = 64 * 1024;
const MAX_BUNDLE_BYTES = 1024 * 1024;
const MAX_REFERRERS = 32;

/** Where signatures are looked for. */
export interface Place {
  client: RegistryClient;
  repository: string;
  signal: AbortSignal;
}

/** A signature, or why something that should have been one is none. */
export type Found = { signature: StoredSignature } | { problem: string };

/**
 * The signatures that a registry has of a manifest, one by one: cosign's tag beside it first, then referrers. What is too
 * large or damaged is a problem of its own and hides no other.
 * @throws BerthError registry_*: not to know is not to have none
 */
export async function* findSignatures(place: Place, digest: string): AsyncGenerator<Found> {
  // With a sha512 digest cosign's tag would be longer than a tag may be: then there are only referrers.
  if (algorithmOf(digest) === "sha256") yield* signaturesOf(place, signatureTag(digest));
  const referrers = (await place.client.referrers(place.repository, digest, place.signal)).filter(isSignature);
  if (referrers.length > MAX_REFERRERS) yield { problem: `only ${MAX_REFERRERS} of ${referrers.length} referrers were looked at` };
  for (const referrer of referrers.slice(0, MAX_REFERRERS)) yield* signaturesOf(place, referrer.digest);
}

function isSignature({ artifactType = "", digest }: ArtifactDescriptor): boolean {
  return isDigest(digest) && (artifactType === SIMPLE_SIGNING.artifact || BUNDLE_TYPE.test(artifactType));
}

async function* signaturesOf(place: Place, reference: string): AsyncGenerator<Found> {
  const layers = await orProblem(() => layersOf(place, reference));
  if (!Array.isArray(layers)) return yield layers;
  for (const layer of layers) yield await orProblem(async () => ({ signature: await readSignature(place, layer) }));
}

async function layersOf({ client, repository, signal }: Place, reference: string): Promise<ArtifactDescriptor[]> {
  try {
    const { layers } = parseArtifact((await client.manifest(repository, reference, signal)).bytes);
    return layers.slice(0, MAX_SIGNATURES);
  } catch (error) {
    if (isBerthError(error, "image_not_found")) return [];
    throw error;
  }
}

async function readSignature(place: Place, layer: ArtifactDescriptor): Promise<StoredSignature> {
  if (BUNDLE_TYPE.test(layer.mediaType)) {
    return { kind: "bundle", bundle: (await readBlob(place, layer, MAX_BUNDLE_BYTES)).toString("base64") };
  }
  const signature = layer.annotations?.[SIMPLE_SIGNING.signature];
  if (layer.mediaType !== SIMPLE_SIGNING.payload || signature === undefined)
    throw new BerthError("image_invalid", `${layer.digest} is no signature, but ${JSON.stringify(layer.mediaType)}`);
  return { kind: "simple", payload: (await readBlob(place, layer, MAX_PAYLOAD_BYTES)).toString("base64"), signature };
}

function readBlob({ client, repository, signal }: Place, { digest, size }: ArtifactDescriptor, maxBytes: number): Promise<Buffer> {
  return readSmallBlob(client, { repository, digest, size }, { what: "the signature", maxBytes }, signal);
}

async function orProblem<T>(work: () => Promise<T>): Promise<T | { problem: string }> {
  try {
    return await work();
  } catch (error) {
    if (isBerthError(error, "image_invalid") || isBerthError(error, "digest_mismatch")) return { problem: errorText(error) };
    throw error;
  }
}
