import { BerthError, isBerthError } from "../../domain/index.ts";
import { type ArtifactDescriptor, parseAnyIndex } from "../artifact.ts";
import { MAX_MANIFEST_BYTES } from "../manifest.ts";
import { answerError, readSmallBody } from "./answers.ts";
import type { EndpointSession } from "./endpoint-session.ts";
import { fetchManifest } from "./fetch-manifest.ts";
import type { HttpAnswer } from "./transport.ts";

/** A registry with more has something else in mind than to be helpful. */
const MAX_PAGES = 16;

/**
 * What says that it is about a manifest (distribution spec, "Listing Referrers"): by the API, or where a registry has none by
 * the tag schema. Empty when there is nothing.
 * @throws BerthError registry_*, image_invalid
 */
export async function fetchReferrers(
  session: EndpointSession,
  repository: string,
  digest: string,
  signal: AbortSignal,
): Promise<ArtifactDescriptor[]> {
  const found: ArtifactDescriptor[] = [];
  let path: string | URL = `${repository}/referrers/${digest}`;
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer: HttpAnswer = await session.send({ method: "GET", path, scopes: [`repository:${repository}:pull`] }, signal);
    if (page === 0 && isMissing(answer)) return byTag(session, repository, digest, signal, answer);
    if (answer.status !== 200) throw await answerError(answer, `the question for referrers of ${digest}`, "registry_error");
    const next = nextPage(answer);
    found.push(...parseAnyIndex(await readSmallBody(answer, MAX_MANIFEST_BYTES, "the list of referrers")).manifests);
    if (next === null) return found;
    path = next;
  }
  throw new BerthError("registry_error", `${session.endpoint.host} lists referrers of ${digest} on more than ${MAX_PAGES} pages`);
}

/** A registry without the API says 404, or 405; some say 400 to a path they do not know. Or it answers with something else than an index. */
function isMissing({ status, headers }: HttpAnswer): boolean {
  return status === 404 || status === 405 || status === 400 || (status === 200 && /html/.test(headers["content-type"] ?? ""));
}

async function byTag(
  session: EndpointSession,
  repository: string,
  digest: string,
  signal: AbortSignal,
  answer: HttpAnswer,
): Promise<ArtifactDescriptor[]> {
  answer.body.destroy();
  try {
    return parseAnyIndex((await fetchManifest(session, repository, referrersTag(digest), signal)).bytes).manifests;
  } catch (error) {
    if (isBerthError(error, "image_not_found")) return [];
    throw error;
  }
}

/** Distribution spec, "Referrers Tag Schema": algorithm and hex, cut to 32 and 64 characters. */
export function referrersTag(digest: string): string {
  const [algorithm = "", hex = ""] = digest.split(":");
  return `${algorithm.slice(0, 32)}-${hex.slice(0, 64)}`;
}

/** The URL of a Link header with rel="next", on the same origin; null when this is the last page. */
function nextPage({ headers, url }: HttpAnswer): URL | null {
  const [, target] = /<([^>]+)>\s*;\s*rel="?next"?/.exec(headers["link"] ?? "") ?? [];
  if (target === undefined || !URL.canParse(target, url.href)) return null;
  const next = new URL(target, url);
  return next.origin === url.origin ? next : null;
}
