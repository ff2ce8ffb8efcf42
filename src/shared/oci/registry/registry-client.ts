import type { Credential } from "../../credentials/index.ts";
import { BerthError, type Clock, isBerthError } from "../../domain/index.ts";
import type { ArtifactDescriptor } from "../artifact.ts";
import { answerError } from "./answers.ts";
import { type EndpointSession, openEndpoint } from "./endpoint-session.ts";
import { type BlobBody, type BlobRange, fetchBlob } from "./fetch-blob.ts";
import { type FetchedManifest, fetchManifest } from "./fetch-manifest.ts";
import { fetchReferrers } from "./fetch-referrers.ts";
import { endpointsOf, originEndpoint, type RegistryConfig } from "./registry-config.ts";
import { defaultRetryPolicy, type RetryPolicy, withRetries } from "./retries.ts";
import type { Transport } from "./transport.ts";
import { type BlobToUpload, type UploadOutcome, uploadBlob } from "./upload-blob.ts";

/** One registry, as one user sees it. Tokens live as long as the client. Several pulls may use it at once. */
export interface RegistryClient {
  readonly registry: string;
  /**
   * By tag or digest, from the first mirror that has it, else from the registry; retried.
   * @throws BerthError image_not_found, image_invalid, digest_mismatch, registry_*, rate_limited
   */
  manifest(repository: string, reference: string, signal: AbortSignal): Promise<FetchedManifest>;
  /** One try at a range of a blob; the `turn`-th place that may have it. The caller retries, as it knows how far it got. */
  blob(repository: string, blob: { digest: string; size: number }, range: BlobRange, turn: number, signal: AbortSignal): Promise<BlobBody>;
  /** What the registry, or the first mirror that knows of any, lists as being about a manifest; retried. @throws BerthError registry_* */
  referrers(repository: string, digest: string, signal: AbortSignal): Promise<ArtifactDescriptor[]>;
  uploadBlob(repository: string, blob: BlobToUpload, signal: AbortSignal): Promise<UploadOutcome>;
  /**
   * By tag or digest. Says whether the registry lists the manifest as a referrer of its subject by itself (OCI-Subject).
   * @throws BerthError registry_*, digest_mismatch when the registry stored other bytes
   */
  putManifest(
    repository: string,
    reference: string,
    manifest: { bytes: Uint8Array; mediaType: string; digest: string },
    signal: AbortSignal,
  ): Promise<{ subjectListed: boolean }>;
  /** Resolves when the registry takes the credentials. @throws BerthError registry_denied, registry_unavailable */
  checkAccess(signal: AbortSignal): Promise<void>;
  readonly retry: RetryPolicy;
}

export interface RegistryClientOptions {
  /** "docker.io", "registry.example:5000". */
  registry: string;
  config: RegistryConfig;
  /** Shared by all clients of a process. */
  transport: Transport;
  clock: Clock;
  credentialFor(host: string): Promise<Credential | null>;
  retry?: RetryPolicy;
}

/** Sends nothing yet. @throws BerthError invalid_request for a mirror that is no URL */
export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { registry, config } = options;
  const retry = options.retry ?? defaultRetryPolicy(options.clock);
  const sources = endpointsOf(config, registry).map((endpoint) => openEndpoint(options, endpoint));
  const origin = sources.at(-1) ?? openEndpoint(options, originEndpoint(config, registry));
  return {
    registry,
    retry,
    manifest: (repository, reference, signal) =>
      firstAnswer(sources, retry, signal, (source) => fetchManifest(source, repository, reference, signal)),
    blob: (repository, blob, range, turn, signal) => fetchBlob(sources[turn % sources.length] ?? origin, repository, blob, range, signal),
    referrers: (repository, digest, signal) =>
      allReferrers(sources, retry, signal, (source) => fetchReferrers(source, repository, digest, signal)),
    uploadBlob: (repository, blob, signal) => uploadBlob(origin, repository, blob, retry, signal),
    putManifest: (repository, reference, manifest, signal) =>
      withRetries(retry, signal, () => putManifest(origin, repository, reference, manifest, signal)),
    checkAccess: (signal) => checkAccess(origin, signal),
  };
}

/** Mirrors get one try each: whatever is wrong with one, the registry itself is still there. */
async function firstAnswer<T>(
  sources: readonly EndpointSession[],
  retry: RetryPolicy,
  signal: AbortSignal,
  ask: (source: EndpointSession) => Promise<T>,
): Promise<T> {
  for (const mirror of sources.slice(0, -1)) {
    try {
      return await ask(mirror);
    } catch (error) {
      if (signal.aborted || !isBerthError(error)) throw error;
    }
  }
  const origin = sources.at(-1) as EndpointSession;
  return withRetries(retry, signal, () => ask(origin));
}

/** A mirror that does not copy referrers says "none", which is no answer. */
async function allReferrers<T>(
  sources: readonly EndpointSession[],
  retry: RetryPolicy,
  signal: AbortSignal,
  ask: (source: EndpointSession) => Promise<T[]>,
): Promise<T[]> {
  const notEmpty = async (source: EndpointSession) => {
    const found = await ask(source);
    if (found.length === 0 && source.endpoint.mirror) throw new BerthError("image_not_found", "no referrers");
    return found;
  };
  return firstAnswer(sources, retry, signal, notEmpty);
}

async function putManifest(
  session: EndpointSession,
  repository: string,
  reference: string,
  { bytes, mediaType, digest }: { bytes: Uint8Array; mediaType: string; digest: string },
  signal: AbortSignal,
): Promise<{ subjectListed: boolean }> {
  const headers = { "content-type": mediaType, "content-length": String(bytes.byteLength) };
  const scopes = [`repository:${repository}:pull,push`];
  const answer = await session.send(
    { method: "PUT", path: `${repository}/manifests/${reference}`, headers, body: () => bytes, scopes },
    signal,
  );
  if (answer.status !== 201 && answer.status !== 200)
    throw await answerError(answer, `the manifest ${repository}:${reference}`, "registry_error");
  answer.body.destroy();
  const stored = answer.headers["docker-content-digest"];
  if (stored !== undefined && stored.slice(0, 7) === digest.slice(0, 7) && stored !== digest)
    throw new BerthError("digest_mismatch", `${answer.url.host} stored the manifest as ${stored}, expected ${digest}`);
  return { subjectListed: answer.headers["oci-subject"] !== undefined };
}

async function checkAccess(session: EndpointSession, signal: AbortSignal): Promise<void> {
  const answer = await session.send({ method: "GET", path: "", scopes: [] }, signal);
  if (answer.status !== 200) throw await answerError(answer, "the login", "registry_error");
  answer.body.destroy();
}
