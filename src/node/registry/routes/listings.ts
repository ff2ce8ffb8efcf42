import type { FastifyReply } from "fastify";
import { MEDIA_TYPES } from "../../../shared/oci/index.ts";
import { cutPage, parsePage } from "../http/parse-page.ts";
import { checkManifest } from "../manifests/check-manifest.ts";
import { RegistryError } from "../registry-error.ts";
import type { Repository } from "../repositories/repository.ts";
import type { Call, RegistryParts } from "./context.ts";

const MOST_TAGS = 1_000;
const MOST_REPOSITORIES = 1_000;
const MOST_REFERRERS = 200;

/** GET /v2/<name>/tags/list: "Listing Tags", sorted as ASCII. */
export async function listTags(parts: RegistryParts, { reply, query }: Call, name: string): Promise<FastifyReply> {
  const repository = parts.repositories.get(name);
  if (repository === null || repository.manifests.size + repository.blobs.size === 0)
    throw new RegistryError("NAME_UNKNOWN", "there is no such repository", { detail: { name } });
  const { items, headers } = cutPage([...repository.tags.keys()].sort(), parsePage(query, MOST_TAGS), `/v2/${name}/tags/list`);
  return reply.headers(headers).send({ name, tags: items });
}

/** GET /v2/_catalog: what docker's registry has; not in the spec. */
export async function listRepositories(parts: RegistryParts, { reply, query }: Call): Promise<FastifyReply> {
  const { items, headers } = cutPage(parts.repositories.names(), parsePage(query, MOST_REPOSITORIES), "/v2/_catalog");
  return reply.headers(headers).send({ repositories: items });
}

/** GET /v2/<name>/referrers/<digest>: "Listing Referrers". An unknown subject has none, which is no error. */
export async function listReferrers(parts: RegistryParts, { reply, query }: Call, name: string, digest: string): Promise<FastifyReply> {
  const repository = parts.repositories.get(name);
  const all = [...(repository?.referrers.get(digest) ?? [])].sort();
  const page = parsePage(query, MOST_REFERRERS);
  const wanted = query.get("artifactType");
  const path = `/v2/${name}/referrers/${digest}`;
  const { items, headers } = cutPage(all, page, path);
  const described = await Promise.all(items.map((referrer) => describe(parts, repository, referrer)));
  const manifests = described.filter((one) => one !== null && (wanted === null || one.artifactType === wanted));
  if (wanted !== null) reply.header("oci-filters-applied", "artifactType");
  if (headers.link !== undefined && wanted !== null)
    headers.link = headers.link.replace("?", `?artifactType=${encodeURIComponent(wanted)}&`);
  return reply
    .headers({ ...headers, "content-type": MEDIA_TYPES.index })
    .send(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests })));
}

/** The descriptor of a referrer; null when its bytes are lost. */
async function describe(parts: RegistryParts, repository: Repository | null, digest: string) {
  const record = repository?.manifests.get(digest);
  const bytes = record === undefined ? null : await parts.manifests.read(record.sha256);
  if (record === undefined || bytes === null) return null;
  const { artifactType, annotations } = checkManifest(bytes, record.mediaType);
  return {
    mediaType: record.mediaType,
    digest,
    size: record.size,
    ...(artifactType === null ? {} : { artifactType }),
    ...(annotations === null ? {} : { annotations }),
  };
}
