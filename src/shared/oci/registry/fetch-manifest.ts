import { BerthError, isDigest } from "../../domain/index.ts";
import { digestLike, digestOf } from "../digest.ts";
import { MAX_MANIFEST_BYTES } from "../manifest.ts";
import { DOCKER_MEDIA_TYPES, isIndexType, isManifestType, MEDIA_TYPES } from "../media-types.ts";
import { answerError, readSmallBody } from "./answers.ts";
import type { EndpointSession } from "./endpoint-session.ts";

export interface FetchedManifest {
  /** The one that was asked for by digest, else its sha256. */
  digest: string;
  kind: "manifest" | "index";
  mediaType: string;
  /** As they were sent: the digest is theirs. */
  bytes: Buffer;
}

const ACCEPT = [MEDIA_TYPES.index, MEDIA_TYPES.manifest, DOCKER_MEDIA_TYPES.manifestList, DOCKER_MEDIA_TYPES.manifest].join(", ");
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;

/**
 * GET /v2/<repository>/manifests/<tag or digest>. What it is, is told by the Content-Type and by the document alike; a
 * document that says otherwise than the header is refused (CVE-2021-41190).
 * @throws BerthError image_not_found, image_invalid, digest_mismatch, registry_*
 */
export async function fetchManifest(
  session: EndpointSession,
  repository: string,
  reference: string,
  signal: AbortSignal,
): Promise<FetchedManifest> {
  const what = `the manifest ${repository}${isDigest(reference) ? "@" : ":"}${reference}`;
  const path = `${repository}/manifests/${reference}`;
  const answer = await session.send(
    { method: "GET", path, headers: { accept: ACCEPT }, scopes: [`repository:${repository}:pull`] },
    signal,
  );
  if (answer.status !== 200) throw await answerError(answer, what, "image_not_found");
  const declared = (answer.headers["content-type"] ?? "").replace(/;.*$/s, "").trim().toLowerCase();
  if (/^text\/html/.test(declared)) {
    answer.body.destroy();
    throw new BerthError("registry_error", `${answer.url.host} answers ${what} with a web page`);
  }
  const bytes = await readManifestBody(() => readSmallBody(answer, MAX_MANIFEST_BYTES, what));
  const digest = checkedDigest(bytes, reference, answer.headers["docker-content-digest"], what);
  return { ...kindOf(bytes, declared, what), digest, bytes };
}

async function readManifestBody(read: () => Promise<Buffer>): Promise<Buffer> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof BerthError) throw error;
    throw new BerthError("registry_unavailable", "the connection broke in the middle of a manifest", { cause: error });
  }
}

/** By digest: the bytes must have it. By tag: they must have the one the header names, when it names one. */
function checkedDigest(bytes: Buffer, reference: string, header: string | undefined, what: string): string {
  const expected = isDigest(reference) ? reference : header;
  // A header of another algorithm says nothing that could be checked here.
  const actual = expected !== undefined && isDigest(expected) ? digestLike(expected, bytes) : digestOf(bytes);
  if (expected !== undefined && isDigest(expected) && actual !== expected)
    throw new BerthError("digest_mismatch", `${what} has digest ${actual}, expected ${expected}`);
  return isDigest(reference) ? actual : digestOf(bytes);
}

/** @throws BerthError image_invalid */
function kindOf(bytes: Buffer, declared: string, what: string): Pick<FetchedManifest, "kind" | "mediaType"> {
  const document = parse(bytes, what);
  const inside = document["mediaType"];
  const refuse = (why: string) => new BerthError("image_invalid", `${what} ${why}`);
  if (SCHEMA_1.test(declared) || document["schemaVersion"] === 1)
    throw refuse("is of Docker's schema 1, which cannot be verified and is not supported: push the image again with a newer tool");
  const known = [inside, declared].filter(
    (type): type is string => typeof type === "string" && (isIndexType(type) || isManifestType(type)),
  );
  const mediaType = known[0] ?? byShape(document);
  if (mediaType === null) throw refuse(`is neither a manifest nor an index, but ${JSON.stringify(declared.slice(0, 100))}`);
  if (known.some((type) => isIndexType(type) !== isIndexType(mediaType)))
    throw refuse("is called an index by one and a manifest by another");
  return { kind: isIndexType(mediaType) ? "index" : "manifest", mediaType };
}

/** For servers that send application/json, or nothing. */
function byShape(document: Record<string, unknown>): string | null {
  if (Array.isArray(document["manifests"])) return MEDIA_TYPES.index;
  return Array.isArray(document["layers"]) ? MEDIA_TYPES.manifest : null;
}

function parse(bytes: Buffer, what: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below: it is no manifest either way.
  }
  throw new BerthError("image_invalid", `${what} is not a JSON object`);
}
