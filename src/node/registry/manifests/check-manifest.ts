import { Type } from "typebox";
import { Value } from "typebox/value";
import { errorText } from "../../../shared/domain/index.ts";
import { DIGEST_PATTERN, isIndexType, isManifestType, MEDIA_TYPES } from "../../../shared/oci/index.ts";
import { RegistryError } from "../registry-error.ts";

const MAX_ENTRIES = 10_000;

const DescriptorSchema = Type.Object({
  mediaType: Type.String({ minLength: 1, maxLength: 255 }),
  digest: Type.String({ pattern: DIGEST_PATTERN }),
  size: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
});

const DocumentSchema = Type.Object({
  schemaVersion: Type.Literal(2),
  mediaType: Type.Optional(Type.String({ maxLength: 255 })),
  artifactType: Type.Optional(Type.String({ maxLength: 255 })),
  config: Type.Optional(DescriptorSchema),
  layers: Type.Optional(Type.Array(DescriptorSchema, { maxItems: MAX_ENTRIES })),
  manifests: Type.Optional(Type.Array(DescriptorSchema, { maxItems: MAX_ENTRIES })),
  subject: Type.Optional(DescriptorSchema),
  annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
});

/** Something the manifest names and that the repository must have. */
export interface Needed {
  digest: string;
  /** Bytes. */
  size: number;
  kind: "blob" | "manifest";
}

export interface CheckedManifest {
  mediaType: string;
  needed: Needed[];
  /** Digest of the manifest that this one is about. */
  subject: string | null;
  /** As the referrers API shows it; null when there is none. */
  artifactType: string | null;
  annotations: Record<string, string> | null;
}

/**
 * Reads a pushed manifest. One that could be taken for two kinds of document is refused, or two clients could see two
 * images behind one digest (CVE-2021-41190).
 * @param contentType the request's; null when it had none
 * @throws RegistryError MANIFEST_INVALID
 */
export function checkManifest(bytes: Uint8Array, contentType: string | null): CheckedManifest {
  const value = parseJson(bytes);
  const [problem] = Value.Errors(DocumentSchema, value);
  if (problem !== undefined) throw invalid(`${problem.instancePath || "/"} ${problem.message}`);
  if (!Value.Check(DocumentSchema, value)) throw invalid("it does not fit the schema");
  if (Object.hasOwn(value, "fsLayers")) throw invalid("schema 1 manifests are not taken");
  const mediaType = value.mediaType ?? contentType ?? (value.manifests === undefined ? MEDIA_TYPES.manifest : MEDIA_TYPES.index);
  if (contentType !== null && contentType !== mediaType) throw invalid(`Content-Type is ${contentType}, but mediaType is ${mediaType}`);
  const common = { mediaType, subject: value.subject?.digest ?? null, annotations: value.annotations ?? null };
  if (isIndexType(mediaType)) {
    if (value.manifests === undefined || value.layers !== undefined || value.config !== undefined) throw invalid("it is not an index");
    const needed = value.manifests.map(({ digest, size, mediaType: type }) => ({ digest, size, kind: kindOf(type) }));
    return { ...common, needed, artifactType: value.artifactType ?? null };
  }
  if (!isManifestType(mediaType)) throw invalid(`media type ${JSON.stringify(mediaType)} is not one of a manifest or an index`);
  const { config, layers } = value;
  if (config === undefined || layers === undefined || value.manifests !== undefined) throw invalid("it is not an image manifest");
  const stored = layers.filter((layer) => !isForeign(layer.mediaType));
  const needed = [config, ...stored].map(({ digest, size }) => ({ digest, size, kind: "blob" as const }));
  return { ...common, needed, artifactType: value.artifactType ?? config.mediaType };
}

/** Layers that a registry need not have: their licence keeps them where their `urls` say (image spec, deprecated). */
function isForeign(mediaType: string): boolean {
  return mediaType.startsWith("application/vnd.oci.image.layer.nondistributable.") || mediaType.includes(".rootfs.foreign.diff.");
}

/** An index may also list blobs of unknown kinds (BuildKit's caches do). */
function kindOf(mediaType: string): Needed["kind"] {
  return isManifestType(mediaType) || isIndexType(mediaType) ? "manifest" : "blob";
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid(`it is not JSON: ${errorText(error).slice(0, 200)}`);
  }
}

function invalid(why: string): RegistryError {
  return new RegistryError("MANIFEST_INVALID", `the manifest is not valid: ${why}`);
}
