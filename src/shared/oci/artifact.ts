import { type Static, Type } from "typebox";
import { DIGEST_PATTERN } from "../domain/index.ts";
import { checkDocument } from "./check-document.ts";

/** Documents that are stored and handed on, never unpacked: any media types, both digest algorithms (image-spec descriptor.md). */
const AnyDescriptor = Type.Object({
  mediaType: Type.String({ minLength: 1, maxLength: 255 }),
  digest: Type.String({ pattern: DIGEST_PATTERN }),
  size: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  artifactType: Type.Optional(Type.String()),
  annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
  platform: Type.Optional(Type.Object({ architecture: Type.String(), os: Type.String(), variant: Type.Optional(Type.String()) })),
});

const MAX_ENTRIES = 10_000;

const ArtifactSchema = Type.Object({
  schemaVersion: Type.Literal(2),
  artifactType: Type.Optional(Type.String()),
  config: AnyDescriptor,
  layers: Type.Array(AnyDescriptor, { maxItems: MAX_ENTRIES }),
  subject: Type.Optional(AnyDescriptor),
});

const AnyIndexSchema = Type.Object({
  schemaVersion: Type.Literal(2),
  manifests: Type.Array(AnyDescriptor, { maxItems: MAX_ENTRIES }),
});

export type ArtifactDescriptor = Static<typeof AnyDescriptor>;
export type Artifact = Static<typeof ArtifactSchema>;

/** Reads a manifest of anything: an image, a signature, an SBOM. @throws BerthError image_invalid */
export function parseArtifact(bytes: Uint8Array): Artifact {
  return checkDocument(ArtifactSchema, bytes, "manifest", { forbidden: ["manifests", "fsLayers"] });
}

/** Reads an index of anything, and a list of referrers. @throws BerthError image_invalid */
export function parseAnyIndex(bytes: Uint8Array): Static<typeof AnyIndexSchema> {
  return checkDocument(AnyIndexSchema, bytes, "index", { forbidden: ["layers", "config", "fsLayers"] });
}
