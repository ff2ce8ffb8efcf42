import type { FastifyReply, FastifyRequest } from "fastify";
import { parseRange } from "../http/parse-range.ts";
import { RegistryError } from "../registry-error.ts";
import type { BlobFiles } from "../repositories/blob-files.ts";
import type { Call, RegistryParts } from "./context.ts";
import { sendFile } from "./send-file.ts";

/** Small ones are read at once. */
const WHOLE_BYTES = 1 << 16;

/** GET and HEAD: "Pulling blobs", "Checking if content exists in the registry". */
export async function getBlob(parts: RegistryParts, call: Call, repository: string, digest: string): Promise<FastifyReply> {
  const link = parts.repositories.get(repository)?.blobs.get(digest);
  // A manifest is also content of the repository by its digest, as in docker's registry.
  const sha256 = link?.sha256 ?? parts.repositories.get(repository)?.manifests.get(digest)?.sha256;
  if (sha256 === undefined) throw unknownBlob(digest);
  if (call.request.method === "HEAD") await parts.repositories.touchBlob(repository, digest);
  return sendBlob(parts.files, call, digest, sha256);
}

/** Sends a blob or the part that Range asks for; 404 when the store does not have it. */
export async function sendBlob(
  files: BlobFiles,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  digest: string,
  sha256: string,
): Promise<FastifyReply> {
  const blob = await files.open(sha256);
  if (blob === null) throw unknownBlob(digest);
  const { handle, size } = blob;
  try {
    const etag = `"${digest}"`;
    reply.headers({
      "docker-content-digest": digest,
      etag,
      "accept-ranges": "bytes",
      "cache-control": "max-age=31536000",
      "content-type": "application/octet-stream",
    });
    if (request.headers["if-none-match"] === etag) return await reply.code(304).send();
    const condition = request.headers["if-range"];
    const range = condition === undefined || condition === etag ? parseRange(request.headers.range, size) : null;
    const { start, end } = range ?? { start: 0, end: size - 1 };
    reply.code(range === null ? 200 : 206).header("content-length", end - start + 1);
    if (range !== null) reply.header("content-range", `bytes ${start}-${end}/${size}`);
    if (request.method === "HEAD") return await reply.send();
    if (end - start < WHOLE_BYTES) {
      const bytes = Buffer.alloc(end - start + 1);
      const { bytesRead } = await handle.read(bytes, 0, bytes.byteLength, start);
      if (bytesRead !== bytes.byteLength) throw unknownBlob(digest);
      return await reply.send(bytes);
    }
    reply.hijack();
    reply.raw.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>);
    // The headers are gone: there is nobody left to tell of an error but by the end of the connection.
    await sendFile(handle, start, end, reply.raw).catch(() => undefined);
    return reply;
  } finally {
    await handle.close();
  }
}

/** DELETE: "Deleting Blobs". */
export async function deleteBlob(parts: RegistryParts, { reply }: Call, repository: string, digest: string): Promise<FastifyReply> {
  if (!(await parts.repositories.deleteBlob(repository, digest))) throw unknownBlob(digest);
  return reply.code(202).send();
}

function unknownBlob(digest: string): RegistryError {
  return new RegistryError("BLOB_UNKNOWN", "the repository has no such blob", { detail: { digest } });
}
