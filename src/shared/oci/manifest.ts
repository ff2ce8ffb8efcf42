import { type Static, Type } from "typebox";
import { DIGEST_PATTERN } from "../domain/index.ts";
import { checkDocument, invalidDocument } from "./check-document.ts";
import { isLayerType, MEDIA_TYPES } from "./media-types.ts";

/** Overlayfs stacks at most 500 folders below the writable one (OVL_MAX_STACK); a container with GPUs has one of its own. */
export const MAX_LAYERS = 499;
/** Bounds what is looked at, so that the message can name the number. */
const MAX_ENTRIES = 10_000;
/** The distribution spec's limit on a manifest. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

const Digest = Type.String({ pattern: DIGEST_PATTERN });
const Annotations = Type.Record(Type.String(), Type.String());

const DescriptorSchema = Type.Object({
  mediaType: Type.String({ minLength: 1, maxLength: 255 }),
  digest: Digest,
  size: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  annotations: Type.Optional(Annotations),
  platform: Type.Optional(Type.Object({ architecture: Type.String(), os: Type.String(), variant: Type.Optional(Type.String()) })),
});

const ManifestSchema = Type.Object({
  schemaVersion: Type.Literal(2),
  mediaType: Type.Optional(Type.String()),
  config: DescriptorSchema,
  layers: Type.Array(DescriptorSchema, { maxItems: MAX_ENTRIES }),
  annotations: Type.Optional(Annotations),
});

const IndexSchema = Type.Object({
  schemaVersion: Type.Literal(2),
  mediaType: Type.Optional(Type.String()),
  manifests: Type.Array(DescriptorSchema, { maxItems: MAX_ENTRIES }),
});

/** A content descriptor (image-spec descriptor.md). */
export interface Descriptor {
  mediaType: string;
  digest: string;
  /** Bytes. */
  size: number;
  annotations?: Record<string, string>;
}

export type Manifest = Static<typeof ManifestSchema>;
export type ImageIndex = Static<typeof IndexSchema>;

/**
 * Reads a manifest. A document that is also an index is refused, or two readers could see two images (CVE-2021-41190).
 * @throws BerthError image_invalid
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  const manifest = checkDocument(ManifestSchema, bytes, "manifest", { forbidden: ["manifests", "fsLayers"] });
  const { length } = manifest.layers;
  if (length > MAX_LAYERS)
    throw invalidDocument(
      "manifest",
      `it has ${length} layers, and overlayfs stacks at most ${MAX_LAYERS} of an image: build it with fewer`,
    );
  const foreign = manifest.layers.find((layer) => !isLayerType(layer.mediaType));
  if (foreign !== undefined)
    throw invalidDocument("manifest", `layer ${foreign.digest} has the unsupported media type ${JSON.stringify(foreign.mediaType)}`);
  return manifest;
}

/** @throws BerthError image_invalid */
export function parseIndex(bytes: Uint8Array): ImageIndex {
  return checkDocument(IndexSchema, bytes, "index", { forbidden: ["layers", "config", "fsLayers"] });
}

/** A manifest for an image of Berth's own making. */
export function makeManifest(config: Descriptor, layers: readonly Descriptor[]): Manifest {
  return { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers: [...layers] };
}
