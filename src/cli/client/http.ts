import http from "node:http";
import https from "node:https";
import type { Readable } from "node:stream";
import { describeTlsError } from "../../shared/certificates/index.ts";
import { BerthError } from "../../shared/domain/index.ts";
import { fileError } from "../files/file-error.ts";
import type { Endpoint } from "./endpoint.ts";
import { problemToError } from "./problem.ts";

export interface HttpRequest {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  /** Undefined values are left out; arrays repeat the name. */
  query?: Record<string, string | number | boolean | readonly string[] | undefined>;
  headers?: Record<string, string>;
  /** An object is sent as JSON, a stream chunked. */
  body?: object | null;
  stream?: Readable;
  signal?: AbortSignal;
}

export interface HttpClient {
  readonly endpoint: Endpoint;
  /** @throws BerthError of the server's problem, or `unavailable` when nothing answers. */
  open(request: HttpRequest): Promise<http.IncomingMessage>;
  json<T>(request: HttpRequest): Promise<T>;
}

export interface Credentials {
  token: string | null;
  /** The CA (PEM) that a server with https must be of; null for the system's. */
  ca(): Promise<string | null>;
}

export const NO_CREDENTIALS: Credentials = { token: null, ca: async () => null };

/** What to say when nothing answers at an endpoint. */
export type Unavailable = "control_plane_unavailable" | "node_unavailable";

const LARGEST_JSON_BYTES = 256 * 1024 * 1024;

/** node:http rather than undici: it is in the binary already, so `berth` starts faster. */
export function httpClient(endpoint: Endpoint, credentials: Credentials, unavailable: Unavailable): HttpClient {
  const open = async (request: HttpRequest) => {
    const response = await send(endpoint, credentials.token, await credentials.ca(), request).catch((error: unknown) => {
      throw connectionError(error, endpoint, unavailable);
    });
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw problemToError(status, await text(response), endpoint.label);
  };
  return { endpoint, open, json: async (request) => parse(await text(await open(request)), endpoint.label) };
}

function send(endpoint: Endpoint, token: string | null, ca: string | null, request: HttpRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = start(endpoint, token, ca, request, resolve);
    outgoing.on("error", reject);
    outgoing.on("socket", (socket) => socket.setKeepAlive(true, 15_000));
    if (request.stream) {
      request.stream.on("error", (error) => outgoing.destroy(fileError("read", "the input", error) as Error));
      request.stream.pipe(outgoing);
    } else {
      outgoing.end(request.body ? JSON.stringify(request.body) : undefined);
    }
  });
}

function start(
  endpoint: Endpoint,
  token: string | null,
  ca: string | null,
  request: HttpRequest,
  onResponse: (response: http.IncomingMessage) => void,
) {
  const options: http.RequestOptions = {
    method: request.method ?? "GET",
    path: request.path + queryString(request.query ?? {}),
    headers: headersOf(token, request),
    agent: false,
    ...(request.signal ? { signal: request.signal } : {}),
  };
  if (endpoint.kind === "unix") return http.request({ ...options, socketPath: endpoint.socketPath, host: "localhost" }, onResponse);
  const { hostname, port, protocol } = endpoint.url;
  const target = { ...options, hostname: hostname.replace(/^\[|\]$/g, ""), ...(port ? { port } : {}) };
  return protocol === "https:"
    ? https.request({ ...target, ...(ca === null ? {} : { ca }) }, onResponse)
    : http.request(target, onResponse);
}

function headersOf(token: string | null, request: HttpRequest): Record<string, string> {
  return {
    accept: "application/json",
    ...(request.body ? { "content-type": "application/json" } : {}),
    ...(request.stream ? { "content-type": "application/x-tar" } : {}),
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...request.headers,
  };
}

/** {a: 1, b: ["x", "y"], c: undefined} -> "?a=1&b=x&b=y". */
export function queryString(query: NonNullable<HttpRequest["query"]>): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const item of Array.isArray(value) ? value : [value]) pairs.append(name, String(item));
  }
  return pairs.size === 0 ? "" : `?${pairs}`;
}

async function text(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_JSON_BYTES) throw new BerthError("internal", `an answer of more than ${LARGEST_JSON_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse<T>(body: string, label: string): T {
  try {
    return JSON.parse(body) as T;
  } catch (cause) {
    throw new BerthError("internal", `${label} did not answer with JSON`, {
      cause,
      details: { hint: "check that --host points at Berth" },
    });
  }
}

function connectionError(error: unknown, endpoint: Endpoint, unavailable: Unavailable): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "ABORT_ERR" || error instanceof BerthError) return error;
  if (code === "EACCES" || code === "EPERM") {
    return new BerthError("forbidden", `no permission to open ${endpoint.label}`, {
      cause: error,
      details: { hint: "run as root, or use --host http://127.0.0.1:8470 with a token from `berth token create`" },
    });
  }
  const untrusted = describeTlsError(error, endpoint.label);
  if (untrusted !== null) return untrusted;
  const what = unavailable === "control_plane_unavailable" ? "control plane" : "agent of the node";
  return new BerthError(unavailable, `cannot reach the ${what} at ${endpoint.label} (${code || (error as Error).message})`, {
    cause: error,
    // A server with TLS hangs up on who does not speak it.
    ...(endpoint.kind === "tcp" && endpoint.url.protocol === "http:" && code === "ECONNRESET"
      ? { details: { hint: `perhaps it speaks TLS: try --host https://${endpoint.url.host}` } }
      : {}),
  });
}
