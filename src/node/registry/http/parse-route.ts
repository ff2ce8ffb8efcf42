import { checkDigest, checkRepository, isSession } from "../names.ts";
import { RegistryError } from "../registry-error.ts";

export type Route =
  | { kind: "ping" | "token" | "catalog" }
  /** `tag` is what was written: no tag of that name may exist, or be allowed. */
  | { kind: "manifest"; repository: string; digest: string | null; tag: string | null }
  | { kind: "blob"; repository: string; digest: string }
  | { kind: "referrers"; repository: string; digest: string }
  | { kind: "uploads"; repository: string }
  | { kind: "tags"; repository: string }
  | { kind: "upload"; repository: string; session: string };

export interface Target {
  route: Route;
  query: URLSearchParams;
}

/**
 * What a request line asks for. The path is taken as it came: nothing in it needs an escape, so an escaped one
 * ("%2e%2e%2f") is refused instead of decoded, and no two spellings name one thing.
 * @throws RegistryError NAME_INVALID, DIGEST_INVALID; UNSUPPORTED (404) where there is no such endpoint
 */
export function parseTarget(url: string): Target {
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
  if (path === "/v2/" || path === "/v2") return { route: { kind: "ping" }, query };
  if (!path.startsWith("/v2/")) throw noEndpoint();
  if (path.includes("%")) throw new RegistryError("NAME_INVALID", "the path has an escaped character, which no name or digest needs");
  return { route: routeOf(path.slice("/v2/".length).split("/")), query };
}

function routeOf(parts: string[]): Route {
  if (parts.length === 1 && parts[0] === "token") return { kind: "token" };
  if (parts.length === 1 && parts[0] === "_catalog") return { kind: "catalog" };
  return repositoryRoute(parts);
}

/** Read from the end, as a repository may have components called "blobs" or "tags". */
function repositoryRoute(parts: string[]): Route {
  const [third, second, last] = [parts.at(-3), parts.at(-2), parts.at(-1) ?? ""];
  const before = (count: number) => checkRepository(parts.slice(0, -count).join("/"));
  if (second === "tags" && last === "list") return { kind: "tags", repository: before(2) };
  if (second === "manifests") return { kind: "manifest", repository: before(2), ...reference(last) };
  if (second === "blobs" && last === "uploads") return { kind: "uploads", repository: before(2) };
  if (third === "blobs" && second === "uploads") return uploadRoute(before(3), last);
  if (second === "blobs") return { kind: "blob", repository: before(2), digest: checkDigest(last) };
  if (third === "_oci" && second === "referrers") return { kind: "referrers", repository: before(3), digest: checkDigest(last) };
  if (second === "referrers") return { kind: "referrers", repository: before(2), digest: checkDigest(last) };
  throw noEndpoint();
}

function uploadRoute(repository: string, session: string): Route {
  if (session === "") return { kind: "uploads", repository };
  if (!isSession(session)) throw new RegistryError("BLOB_UPLOAD_UNKNOWN", "there is no such upload");
  return { kind: "upload", repository, session };
}

function reference(text: string): { digest: string | null; tag: string | null } {
  if (text.includes(":")) return { digest: checkDigest(text), tag: null };
  return { digest: null, tag: text };
}

function noEndpoint(): RegistryError {
  return new RegistryError("UNSUPPORTED", "there is no such endpoint", { status: 404 });
}
