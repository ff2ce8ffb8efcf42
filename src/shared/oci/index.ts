export type { Credential } from "../credentials/index.ts";
export type { Reference } from "../domain/index.ts";
export {
  algorithmOf,
  DIGEST_ALGORITHMS,
  DIGEST_PATTERN,
  familiarReference,
  formatReference,
  isDigest,
  namesRegistry,
  normaliseReference,
  parseReference,
} from "../domain/index.ts";
export type { Artifact, ArtifactDescriptor } from "./artifact.ts";
export { parseAnyIndex, parseArtifact } from "./artifact.ts";
export { canonicalJson } from "./canonical-json.ts";
export { chainIdsOf } from "./chain-id.ts";
export type { Copied } from "./copy/copy-image.ts";
export { copyImage } from "./copy/copy-image.ts";
export type { Digester } from "./digest.ts";
export { createDigester, digestHex, digestLike, digestOf, digestOfHex, verifyDigest } from "./digest.ts";
export type { ImageConfig } from "./image-config.ts";
export { parseImageConfig } from "./image-config.ts";
export type { Descriptor, ImageIndex, Manifest } from "./manifest.ts";
export { MAX_MANIFEST_BYTES, makeManifest, parseIndex, parseManifest } from "./manifest.ts";
export { isIndexType, isManifestType, MEDIA_TYPES } from "./media-types.ts";
export type { Platform } from "./platform.ts";
export { choosePlatform, linuxArchitectures, parsePlatform, platformArchitecture, requirePlatform } from "./platform.ts";
export type { BlobBody } from "./registry/fetch-blob.ts";
export type { FetchedManifest } from "./registry/fetch-manifest.ts";
export { listNamesHost } from "./registry/hosts.ts";
export { readSmallBlob } from "./registry/read-small-blob.ts";
export type { RegistryAccess } from "./registry/registry-access.ts";
export { createRegistryAccess } from "./registry/registry-access.ts";
export type { RegistryClient } from "./registry/registry-client.ts";
export { createRegistryClient } from "./registry/registry-client.ts";
export type { RegistryConfig } from "./registry/registry-config.ts";
export { parseRegistryConfig } from "./registry/registry-config.ts";
export type { RetryPolicy } from "./registry/retries.ts";
export { withRetries } from "./registry/retries.ts";
export type { Transport } from "./registry/transport.ts";
export { createTransport } from "./registry/transport.ts";
export { readPrivateKey, readPublicKey, signBytes, verifiesWith } from "./signing/keys.ts";
export { MAX_SIGNATURES, signImage } from "./signing/sign-image.ts";
export { BUNDLE_TYPE, parseBundle } from "./signing/sigstore-bundle.ts";
export type { SignedClaim } from "./signing/simple-signing.ts";
export { parseSimpleSigning, SIMPLE_SIGNING, signatureTag } from "./signing/simple-signing.ts";
