import type { FastifyReply } from "fastify";
import { digestLike, digestOf, MAX_MANIFEST_BYTES } from "../../../shared/oci/index.ts";
import { type CheckedManifest, checkManifest } from "../manifests/check-manifest.ts";
import { checkTag } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import type { Repository } from "../repositories/repository.ts";
import type { Call, RegistryParts } from "./context.ts";
import { readBody } from "./read-body.ts";

interface Named {
  repository: string;
  digest: string | null;
  tag: string | null;
}

const MAX_TAGS = 50;

/** GET and HEAD: "Pulling manifests". */
export async function getManifest(parts: RegistryParts, { request, reply }: Call, named: Named): Promise<FastifyReply> {
  const repository = parts.repositories.get(named.repository);
  const digest = named.digest ?? repository?.tags.get(named.tag ?? "") ?? "";
  const record = repository?.manifests.get(digest);
  if (record === undefined) throw unknownManifest(named);
  const etag = `"${digest}"`;
  reply.headers({ "content-type": record.mediaType, "docker-content-digest": digest, etag });
  if (request.headers["if-none-match"] === etag) return reply.code(304).send();
  const bytes = await parts.manifests.read(record.sha256);
  if (bytes === null) throw unknownManifest(named);
  reply.header("content-length", bytes.byteLength);
  return request.method === "HEAD" ? reply.send() : reply.send(bytes);
}

/** PUT: "Pushing Manifests", "Pushing Manifests with Subject". */
export async function putManifest(parts: RegistryParts, { request, reply, query }: Call, named: Named): Promise<FastifyReply> {
  const tags = tagsOf(named, query);
  const bytes = await readBody(request, MAX_MANIFEST_BYTES);
  const digest = named.digest ?? digestOf(bytes);
  const actual = digestLike(digest, bytes);
  if (actual !== digest) throw new RegistryError("DIGEST_INVALID", `the manifest is ${actual}, not ${digest}`);
  const manifest = checkManifest(bytes, contentType(request.headers["content-type"]));
  const record = {
    mediaType: manifest.mediaType,
    size: bytes.byteLength,
    references: manifest.needed.map((needed) => needed.digest),
    subject: manifest.subject,
  };
  await parts.repositories.putManifest(named.repository, { digest, bytes, record, tags }, (repository) =>
    checkNeeded(parts, repository, manifest),
  );
  reply.headers({ location: `/v2/${named.repository}/manifests/${digest}`, "docker-content-digest": digest });
  if (manifest.subject !== null) reply.header("oci-subject", manifest.subject);
  if (query.has("tag")) reply.header("oci-tag", tags);
  return reply.code(201).send();
}

/** DELETE by digest or by tag: "Deleting tags", "Deleting Manifests". */
export async function deleteManifest(parts: RegistryParts, { reply }: Call, { repository, digest, tag }: Named): Promise<FastifyReply> {
  const deleted =
    digest === null
      ? await parts.repositories.deleteTag(repository, tag ?? "")
      : await parts.repositories.deleteManifest(repository, digest);
  if (!deleted) throw unknownManifest({ repository, digest, tag });
  return reply.code(202).send();
}

/** A manifest is taken only when everything it stands on is in the same repository: no other tenant's blob by its digest. */
async function checkNeeded(parts: RegistryParts, repository: Repository, manifest: CheckedManifest): Promise<void> {
  for (const { digest, size, kind } of manifest.needed) {
    const held = kind === "blob" ? repository.blobs.get(digest) : repository.manifests.get(digest);
    const actual = held === undefined ? null : await parts.files.size(held.sha256);
    if (actual === null)
      throw new RegistryError("MANIFEST_BLOB_UNKNOWN", `the repository has no ${kind} ${digest}`, { detail: { digest } });
    if (actual !== size)
      throw new RegistryError("MANIFEST_INVALID", `${digest} has ${actual} bytes, the manifest says ${size}`, { detail: { digest } });
  }
}

/** The tag of the path, or those of the query beside a digest (`?tag=a&tag=b`). */
function tagsOf({ tag }: Named, query: URLSearchParams): string[] {
  if (tag !== null) return [checkTag(tag)];
  const tags = [...new Set(query.getAll("tag"))];
  if (tags.length > MAX_TAGS) throw new RegistryError("TAG_INVALID", `at most ${MAX_TAGS} tags at once`);
  return tags.map(checkTag);
}

/** Without parameters ("; charset=utf-8"), in lower case. */
function contentType(header: string | undefined): string | null {
  const type = header?.split(";")[0]?.trim().toLowerCase() ?? "";
  return type === "" || type === "application/octet-stream" || type === "application/json" ? null : type;
}

function unknownManifest({ repository, digest, tag }: Named): RegistryError {
  return new RegistryError("MANIFEST_UNKNOWN", `${repository} has no such manifest`, {
    detail: { reference: (digest ?? tag ?? "").slice(0, 200) },
  });
}
