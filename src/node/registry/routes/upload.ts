import type { FastifyReply, FastifyRequest } from "fastify";
import { isDigest } from "../../../shared/oci/index.ts";
import { parseContentRange } from "../http/parse-range.ts";
import { checkDigest, isRepository } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import { type Chunk, uploadHeaders } from "../uploads/upload-sessions.ts";
import type { Call, RegistryParts } from "./context.ts";

/** Chunks may be of any size; the header is for clients that look for it. */
const MIN_CHUNK = "1";

/** POST: "Pushing blobs" (start, single POST) and "Mounting a blob from another repository". */
export async function startUpload(parts: RegistryParts, call: Call, repository: string): Promise<FastifyReply> {
  const { request, reply, query } = call;
  const digest = query.has("digest") ? checkDigest(query.get("digest")) : null;
  const mount = query.get("mount");
  if (mount !== null && (await mountBlob(parts, call, repository, mount))) return created(reply, repository, mount);
  checkAlgorithm(query.get("digest-algorithm"));
  const uuid = await parts.uploads.start(repository);
  if (digest === null) return progress(reply.code(202).header("oci-chunk-min-length", MIN_CHUNK), repository, uuid, 0);
  await parts.uploads.finish(repository, uuid, digest, chunkOf(request)).catch(async (error: unknown) => {
    // Nobody knows the id of this one: it cannot be resumed.
    await parts.uploads.cancel(repository, uuid).catch(() => undefined);
    throw error;
  });
  return created(reply, repository, digest);
}

/** GET: "Pushing a blob in chunks", how far it got. */
export async function uploadStatus(parts: RegistryParts, { reply }: Call, repository: string, uuid: string): Promise<FastifyReply> {
  return progress(reply.code(204), repository, uuid, parts.uploads.size(repository, uuid));
}

/** PATCH: one chunk, or without Content-Range a stream. */
export async function appendChunk(parts: RegistryParts, { request, reply }: Call, repository: string, uuid: string): Promise<FastifyReply> {
  const size = await parts.uploads.append(repository, uuid, uploadChunk(parts, request, repository, uuid));
  return progress(reply.code(202), repository, uuid, size);
}

/** PUT: the last chunk, or none, and the digest of the whole. */
export async function finishUpload(parts: RegistryParts, call: Call, repository: string, uuid: string): Promise<FastifyReply> {
  const { request, reply, query } = call;
  parts.uploads.size(repository, uuid);
  const digest = checkDigest(query.get("digest"));
  await parts.uploads.finish(repository, uuid, digest, uploadChunk(parts, request, repository, uuid));
  return created(reply, repository, digest);
}

/** DELETE: the client gives up what it sent. @throws RegistryError BLOB_UPLOAD_UNKNOWN */
export async function cancelUpload(parts: RegistryParts, { reply }: Call, repository: string, uuid: string): Promise<FastifyReply> {
  await parts.uploads.cancel(repository, uuid);
  return reply.code(204).send();
}

/**
 * Links a blob of another repository. Without a `from` any repository that the caller may read will do. When there is
 * none the answer is that of an ordinary upload, whatever the reason: nobody learns what others hold.
 */
async function mountBlob(parts: RegistryParts, { query, caller }: Call, repository: string, digest: string): Promise<boolean> {
  const from = query.get("from");
  if (!isDigest(digest) || (from !== null && !isRepository(from))) return false;
  const sources = from === null || from === "" ? parts.repositories.names() : [from];
  for (const source of sources) {
    const blob = parts.repositories.get(source)?.blobs.get(digest);
    if (blob === undefined || !caller.may("pull", source)) continue;
    return parts.repositories.linkBlob(repository, digest, blob.sha256);
  }
  return false;
}

/** With a malformed range the answer still says where the upload is (spec: 416 and the status headers). */
function uploadChunk(parts: RegistryParts, request: FastifyRequest, repository: string, uuid: string): Chunk {
  const size = parts.uploads.size(repository, uuid);
  try {
    return chunkOf(request);
  } catch (error) {
    if (!(error instanceof RegistryError) || error.ociCode !== "RANGE_INVALID") throw error;
    throw new RegistryError("RANGE_INVALID", error.message, { headers: uploadHeaders(repository, uuid, size) });
  }
}

function chunkOf(request: FastifyRequest): Chunk {
  const range = parseContentRange(request.headers["content-range"]);
  const length = request.headers["content-length"];
  if (range !== null && length !== undefined && Number(length) !== range.end - range.start + 1)
    throw new RegistryError("SIZE_INVALID", `Content-Length is ${length}, Content-Range says ${range.end - range.start + 1}`);
  return { body: request.raw, range };
}

function checkAlgorithm(name: string | null): void {
  if (name === null || name === "sha256" || name === "sha512") return;
  throw new RegistryError("DIGEST_INVALID", "only sha256 and sha512 digests are taken");
}

function progress(reply: FastifyReply, repository: string, uuid: string, size: number): FastifyReply {
  return reply.headers(uploadHeaders(repository, uuid, size)).send();
}

function created(reply: FastifyReply, repository: string, digest: string): FastifyReply {
  return reply
    .code(201)
    .headers({ location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest })
    .send();
}
