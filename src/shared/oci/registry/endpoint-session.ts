import type { Credential } from "../../credentials/index.ts";
import { BerthError, type Clock, isBerthError } from "../../domain/index.ts";
import { answerError } from "./answers.ts";
import { type Authorizer, createAuthorizer } from "./authorizer.ts";
import { chooseChallenge } from "./challenge.ts";
import { sendFollowing } from "./follow-redirects.ts";
import type { Endpoint, RegistryConfig } from "./registry-config.ts";
import type { HttpAnswer, HttpRequest, Transport } from "./transport.ts";

/** A request to one endpoint's API. */
export interface ApiRequest {
  method: HttpRequest["method"];
  /** Below /v2/, or a whole URL that the endpoint itself gave. */
  path: string | URL;
  headers?: Record<string, string>;
  /** Made anew for each try. */
  body?: () => HttpRequest["body"];
  /** Of the token it needs. */
  scopes: readonly string[];
}

/** One endpoint, with what was learnt about how to talk to it. */
export interface EndpointSession {
  readonly endpoint: Endpoint;
  /** Answers whatever the status is, but a challenge is answered once. @throws BerthError registry_unavailable, registry_denied */
  send(request: ApiRequest, signal: AbortSignal): Promise<HttpAnswer>;
}

export interface SessionOptions {
  config: RegistryConfig;
  transport: Transport;
  clock: Clock;
  /** Null for an anonymous client. `host` as docker's config.json names registries. */
  credentialFor(host: string): Promise<Credential | null>;
}

interface Contact {
  base: URL;
  authorizer: Authorizer;
}

/** Sends nothing yet; the first request finds out how to talk to it, and those that come with it wait for that. */
export function openEndpoint(options: SessionOptions, endpoint: Endpoint): EndpointSession {
  let contact: Promise<Contact> | null = null;
  const contacted = async (signal: AbortSignal): Promise<Contact> => {
    // Whoever asked first may give up: that is no answer for the others.
    while (contact !== null) {
      const shared = await contact.catch(() => null);
      if (shared !== null) return shared;
      signal.throwIfAborted();
    }
    contact = makeContact(options, endpoint, signal).catch((error: unknown) => {
      contact = null;
      throw error;
    });
    return contact;
  };
  return {
    endpoint,
    async send(request, signal) {
      const { base, authorizer } = await contacted(signal);
      const url = request.path instanceof URL ? request.path : new URL(`${base.href.replace(/\/$/, "")}/v2/${request.path}`);
      const once = async () =>
        sendOnce(options, endpoint, { ...request, path: url }, await headersFor(authorizer, base, url, request, signal), signal);
      const answer = await once();
      // Only the registry's own word counts: a storage behind a redirect has no say about our credentials.
      const challenge = answer.url.origin === base.origin ? chooseChallenge(answer.headers["www-authenticate"]) : null;
      if (answer.status !== 401 || challenge === null) return answer;
      answer.body.destroy();
      authorizer.forget();
      authorizer.challenged(challenge);
      const second = await once();
      // Refused for good: whoever tries again may have logged in meanwhile.
      if (second.status === 401) contact = null;
      return second;
    },
  };
}

async function headersFor(
  authorizer: Authorizer,
  base: URL,
  url: URL,
  request: ApiRequest,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const authorization = url.origin === base.origin ? await authorizer.header(request.scopes, signal) : null;
  return { ...request.headers, ...(authorization === null ? {} : { authorization }) };
}

function sendOnce(
  { transport }: SessionOptions,
  endpoint: Endpoint,
  request: ApiRequest & { path: URL },
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const body = request.body?.();
  const single: HttpRequest = { method: request.method, url: request.path, headers, ...(body === undefined ? {} : { body }) };
  const reading = request.method === "GET" || request.method === "HEAD";
  return reading ? sendFollowing(transport, single, endpoint.insecure, signal) : transport.send(single, endpoint.insecure, signal);
}

/** GET /v2/: finds out which scheme an insecure endpoint speaks, and what authentication it wants. */
async function makeContact(options: SessionOptions, endpoint: Endpoint, signal: AbortSignal): Promise<Contact> {
  let failure: unknown;
  for (const base of endpoint.urls) {
    try {
      return await contactAt(options, endpoint, base, signal);
    } catch (error) {
      if (!isBerthError(error, "registry_unavailable") || error.details?.["status"] !== undefined) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function contactAt(options: SessionOptions, endpoint: Endpoint, base: URL, signal: AbortSignal): Promise<Contact> {
  const { config, transport, clock } = options;
  const url = new URL(`${base.href.replace(/\/$/, "")}/v2/`);
  const answer = await sendFollowing(transport, { method: "GET", url, headers: {} }, endpoint.insecure, signal);
  if (answer.status >= 500 || answer.status === 429) throw await answerError(answer, "GET /v2/", "registry_error");
  answer.body.destroy();
  if (answer.status === 404) throw new BerthError("registry_error", `${base.host} is not a registry: it has no /v2/`);
  const credential = await options.credentialFor(endpoint.host);
  const authorizer = createAuthorizer({ config, transport, clock, registry: base, insecure: endpoint.insecure, credential });
  const challenge = answer.url.origin === base.origin ? chooseChallenge(answer.headers["www-authenticate"]) : null;
  if (challenge !== null && (answer.status === 401 || credential !== null)) authorizer.challenged(challenge);
  return { base, authorizer };
}
