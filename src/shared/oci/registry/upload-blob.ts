import type { Readable } from "node:stream";
import { BerthError, isBerthError } from "../../domain/index.ts";
import { answerError } from "./answers.ts";
import type { EndpointSession } from "./endpoint-session.ts";
import type { BlobRange } from "./fetch-blob.ts";
import { type RetryPolicy, withRetries } from "./retries.ts";
import type { HttpAnswer } from "./transport.ts";

export interface BlobToUpload {
  digest: string;
  size: number;
  /** The bytes of a range, read anew each time. */
  open(range: BlobRange): Readable;
  /** Repositories of the same registry that may have it. */
  elsewhere: readonly string[];
}

export type UploadOutcome = "exists" | "mounted" | "uploaded";

/** Larger ones go up in pieces, so that a broken connection costs one piece. */
const CHUNK_BYTES = 64 * 1024 * 1024;
const MAX_MOUNT_TRIES = 3;

/** HEAD, then a mount from another repository, then an upload: whole, or in pieces when it is large. @throws BerthError registry_* */
export async function uploadBlob(
  session: EndpointSession,
  repository: string,
  blob: BlobToUpload,
  policy: RetryPolicy,
  signal: AbortSignal,
): Promise<UploadOutcome> {
  if (await withRetries(policy, signal, () => blobExists(session, repository, blob.digest, signal))) return "exists";
  return withRetries(policy, signal, async () => {
    const opened = await openUpload(session, repository, blob, signal);
    if (opened === "mounted") return "mounted";
    await sendBytes({ session, repository, blob, policy, signal }, opened);
    return "uploaded";
  });
}

interface Upload {
  session: EndpointSession;
  repository: string;
  blob: BlobToUpload;
  policy: RetryPolicy;
  signal: AbortSignal;
}

const pushScopes = (repository: string) => [`repository:${repository}:pull,push`];

async function blobExists(session: EndpointSession, repository: string, digest: string, signal: AbortSignal): Promise<boolean> {
  const answer = await session.send({ method: "HEAD", path: `${repository}/blobs/${digest}`, scopes: pushScopes(repository) }, signal);
  answer.body.destroy();
  if (answer.status === 404) return false;
  if (answer.status === 200) return true;
  throw await answerError(answer, `the question for blob ${digest}`, "registry_error");
}

/** POST /v2/<repository>/blobs/uploads/, with mount= where another repository may have the blob. */
async function openUpload(session: EndpointSession, repository: string, blob: BlobToUpload, signal: AbortSignal): Promise<URL | "mounted"> {
  for (const source of blob.elsewhere.slice(0, MAX_MOUNT_TRIES)) {
    const opened = await mount(session, repository, blob.digest, source, signal);
    if (opened !== null) return opened;
  }
  const path = `${repository}/blobs/uploads/`;
  const answer = await session.send({ method: "POST", path, headers: { "content-length": "0" }, scopes: pushScopes(repository) }, signal);
  if (answer.status !== 202) throw await answerError(answer, `the start of an upload to ${repository}`, "registry_error");
  answer.body.destroy();
  return locationOf(answer);
}

/** Null when the registry does not let us: the plain way is still open. 202 is an upload opened instead, to be used. */
async function mount(
  session: EndpointSession,
  repository: string,
  digest: string,
  source: string,
  signal: AbortSignal,
): Promise<URL | "mounted" | null> {
  const path = `${repository}/blobs/uploads/?${new URLSearchParams({ mount: digest, from: source })}`;
  const scopes = [...pushScopes(repository), `repository:${source}:pull`];
  try {
    const answer = await session.send({ method: "POST", path, headers: { "content-length": "0" }, scopes }, signal);
    answer.body.destroy();
    if (answer.status === 201) return "mounted";
    return answer.status === 202 ? locationOf(answer) : null;
  } catch (error) {
    if (isBerthError(error, "registry_denied")) return null;
    throw error;
  }
}

async function sendBytes(upload: Upload, location: URL): Promise<void> {
  const { blob } = upload;
  if (blob.size <= CHUNK_BYTES) return finish(upload, location, { from: 0, to: blob.size });
  const last = await sendChunks(upload, location);
  return finish(upload, last, { from: blob.size, to: blob.size });
}

/** PATCH after PATCH; after a broken one the registry says how far it got. Returns where the upload ends. */
async function sendChunks(upload: Upload, first: URL): Promise<URL> {
  const { blob, policy, signal } = upload;
  let position = { location: first, from: 0 };
  let broken = false;
  while (position.from < blob.size) {
    await withRetries(policy, signal, async () => {
      if (broken) position = await askPosition(upload, position.location);
      broken = true;
      const to = Math.min(blob.size, position.from + CHUNK_BYTES);
      if (position.from < to) position = await sendChunk(upload, position.location, { from: position.from, to });
      broken = false;
    });
  }
  return position.location;
}

async function sendChunk(
  { session, repository, blob, signal }: Upload,
  location: URL,
  range: BlobRange,
): Promise<{ location: URL; from: number }> {
  const headers = {
    "content-type": "application/octet-stream",
    "content-length": String(range.to - range.from),
    "content-range": `${range.from}-${range.to - 1}`,
  };
  const request = { method: "PATCH" as const, path: location, headers, body: () => blob.open(range), scopes: pushScopes(repository) };
  const answer = await session.send(request, signal);
  if (answer.status !== 202) throw await answerError(answer, `a part of blob ${blob.digest}`, "registry_error");
  answer.body.destroy();
  return { location: locationOf(answer), from: range.to };
}

/** GET <location>: 204 with Range: 0-<last byte it has>. An upload it has forgotten begins anew, by the outer retries. */
async function askPosition({ session, repository, signal }: Upload, location: URL): Promise<{ location: URL; from: number }> {
  const answer = await session.send({ method: "GET", path: location, scopes: pushScopes(repository) }, signal);
  if (answer.status !== 204) throw await answerError(answer, "the state of an upload", "registry_unavailable");
  answer.body.destroy();
  const [, last] = /^(?:bytes=)?0-(\d+)$/.exec(answer.headers["range"] ?? "") ?? [];
  // "0-0" is also how docker-registry says "nothing yet".
  const from = last === undefined || last === "0" ? 0 : Number(last) + 1;
  return { location: answer.headers["location"] === undefined ? location : locationOf(answer), from };
}

/** PUT <location>?digest=: the registry checks the digest and makes the blob visible. */
async function finish({ session, repository, blob, signal }: Upload, location: URL, range: BlobRange): Promise<void> {
  const url = new URL(location);
  url.searchParams.set("digest", blob.digest);
  const length = range.to - range.from;
  const headers = { "content-type": "application/octet-stream", "content-length": String(length) };
  const body = length === 0 ? {} : { body: () => blob.open(range) };
  const answer = await session.send({ method: "PUT", path: url, headers, ...body, scopes: pushScopes(repository) }, signal);
  if (answer.status !== 201 && answer.status !== 204) throw await answerError(answer, `blob ${blob.digest}`, "registry_error");
  answer.body.destroy();
}

/** Where the upload goes on. It may be elsewhere (a storage of its own); credentials do not go there. */
function locationOf(answer: HttpAnswer): URL {
  const location = answer.headers["location"] ?? "";
  if (location === "" || !URL.canParse(location, answer.url.href))
    throw new BerthError("registry_error", `${answer.url.host} does not say where the upload goes on`);
  const url = new URL(location, answer.url);
  const downgraded = answer.url.protocol === "https:" && url.protocol !== "https:";
  if (downgraded || !/^https?:$/.test(url.protocol))
    throw new BerthError("registry_error", `${answer.url.host} moves the upload to ${url.origin}`);
  return url;
}
