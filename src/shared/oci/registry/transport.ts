import { type LookupAddress, type LookupOptions, lookup } from "node:dns";
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { BerthError, errorText } from "../../domain/index.ts";
import { readTlsFiles } from "./certificates.ts";
import { hostnameOf, isLinkLocalAddress, isLoopbackHost, isPrivateAddress } from "./hosts.ts";
import { proxyFor } from "./proxy.ts";

export interface HttpRequest {
  method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  url: URL;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  body?: Uint8Array | string | Readable;
}

export interface HttpAnswer {
  status: number;
  /** Names in lower case; the first value of a repeated one. */
  headers: Readonly<Record<string, string>>;
  /** Must be read or destroyed. */
  body: Readable;
  /** Where the answer came from, after redirects. */
  url: URL;
}

/** Sends single requests: no redirects, no retries, no credentials of its own. */
export interface Transport {
  /** @throws BerthError registry_unavailable */
  send(request: HttpRequest, insecure: boolean, signal: AbortSignal): Promise<HttpAnswer>;
  close(): Promise<void>;
}

interface TransportOptions {
  /** For HTTP_PROXY and its like. */
  env: Readonly<Record<string, string | undefined>>;
  /** As /etc/docker/certs.d. */
  certificateFolders: readonly string[];
  /** Whether a host ("host[:port]") may be at an address that is not of the public Internet; absent: all may. */
  mayBePrivate?: (host: string) => Promise<boolean>;
}

const CONNECT_MS = 10_000;
const HEADERS_MS = 30_000;
/** Between two pieces of a body. */
const BODY_IDLE_MS = 30_000;
const CONNECTIONS = 16;

/** Connections are kept and shared by everything that uses the transport. */
export function createTransport(options: TransportOptions): Transport {
  const dispatchers = new Map<string, Promise<Dispatcher>>();
  const dispatcherOf = async (url: URL, insecure: boolean): Promise<Dispatcher> => {
    const mayBePrivate = async () => options.mayBePrivate === undefined || options.mayBePrivate(url.host);
    if (isLinkLocalAddress(hostnameOf(url.host)))
      throw new BerthError("registry_unavailable", `${url.host} is a link-local address: no registry is asked there`, {
        details: { lasting: true },
      });
    // An address is connected to as it stands: nothing is asked of a name server that could be refused there.
    if ((isPrivateAddress(hostnameOf(url.host)) || isLoopbackHost(hostnameOf(url.host))) && !(await mayBePrivate()))
      throw notPublic(url.host);
    const key = `${url.origin} ${insecure}`;
    const known = dispatchers.get(key) ?? makeDispatcher(options, url, insecure, mayBePrivate);
    dispatchers.set(key, known);
    return known;
  };
  return {
    async send(request, insecure, signal) {
      try {
        return await dispatch(await dispatcherOf(request.url, insecure), request, signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw connectionError(error, request.url);
      }
    },
    async close() {
      const all = await Promise.all(dispatchers.values());
      dispatchers.clear();
      await Promise.all(all.map((dispatcher) => dispatcher.destroy()));
    },
  };
}

async function dispatch(dispatcher: Dispatcher, request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  const { statusCode, headers, body } = await dispatcher.request({
    origin: request.url.origin,
    path: request.url.pathname + request.url.search,
    method: request.method,
    headers: { "user-agent": "berth", "accept-encoding": "identity", ...request.headers },
    body: request.body ?? null,
    // Nothing is read ahead: what waits would be joined to one larger piece, a copy of every byte.
    highWaterMark: 0,
    signal,
  });
  // The caller reads it or destroys it; an abort in between has nobody to tell.
  body.on("error", () => undefined);
  const single = Object.entries(headers).map(([name, value]) => [name, (Array.isArray(value) ? value[0] : value) ?? ""] as const);
  return { status: statusCode, headers: Object.fromEntries(single), body, url: request.url };
}

async function makeDispatcher(
  options: TransportOptions,
  url: URL,
  insecure: boolean,
  mayBePrivate: () => Promise<boolean>,
): Promise<Dispatcher> {
  // Loaded when first needed: everything that only reads references shares this room's index.
  const { Agent, ProxyAgent } = await import("undici");
  const { ca, cert, key } = await readTlsFiles(options.certificateFolders, url.host);
  const tls = { rejectUnauthorized: !insecure, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  const common = { headersTimeout: HEADERS_MS, bodyTimeout: BODY_IDLE_MS, connections: CONNECTIONS, pipelining: 1 };
  const proxy = proxyFor(url, options.env);
  if (proxy !== null) return new ProxyAgent({ uri: proxy, requestTls: tls, ...common });
  return new Agent({
    ...common,
    connect: { ...tls, timeout: CONNECT_MS, lookup: guardedLookup(mayBePrivate) },
  });
}

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

/**
 * A name must not lead to a metadata service, nor to a private network unless it may: checked at the address that is connected to,
 * so no rebinding slips through.
 */
function guardedLookup(mayBePrivate: () => Promise<boolean>) {
  return (hostname: string, options: LookupOptions, callback: LookupCallback): void => {
    const answer = (allowed: LookupAddress[], refusal: Error) => {
      const [first] = allowed;
      if (first === undefined) callback(refusal, []);
      else if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    };
    lookup(hostname, { ...options, all: true }, (error, all) => {
      if (error) return callback(error, []);
      const addresses = all.filter(({ address }) => !isLinkLocalAddress(address));
      const atPublic = addresses.filter(({ address }) => !isPrivateAddress(address));
      if (atPublic.length === addresses.length) return answer(addresses, new Error(`${hostname} has only link-local addresses`));
      mayBePrivate().then(
        (may) => answer(may ? addresses : atPublic, notPublic(hostname)),
        (failed: Error) => callback(failed, []),
      );
    });
  };
}

function notPublic(host: string): BerthError {
  return new BerthError("registry_unavailable", `${host} is not at a public address and not among the registries that the operator named`, {
    details: { lasting: true },
  });
}

/** What no retry mends. */
const LASTING = /^(ENOTFOUND|ERR_TLS_|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|ERR_INVALID|UND_ERR_INVALID)/;

/** Anything that broke a request on the wire. */
export function connectionError(error: unknown, url: URL): BerthError {
  if (error instanceof BerthError) return error;
  const root = error instanceof AggregateError ? error.errors[0] : error;
  const code = root instanceof Error && "code" in root ? String(root.code) : "";
  return new BerthError("registry_unavailable", `${url.host} cannot be reached: ${errorText(root) || code}`, {
    cause: error,
    details: { lasting: LASTING.test(code) },
  });
}
