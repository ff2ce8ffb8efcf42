import type { Static, TSchema } from "typebox";
import { Check } from "typebox/value";
import { type Dispatcher, request } from "undici";
import { describeTlsError } from "../../shared/certificates/index.ts";
import { BerthError, ERRORS, type ErrorCode, errorText } from "../../shared/domain/index.ts";
import type {
  BlobClaimRequest,
  BlobClaimResponse,
  BlobHoldRequest,
  CertificateResponse,
  JoinRequest,
  JoinResponse,
  SyncRequest,
  SyncResponse,
} from "../../shared/wire/index.ts";
import {
  BlobClaimResponseSchema,
  CertificateResponseSchema,
  JoinResponseSchema,
  LogPushResponseSchema,
  SyncResponseSchema,
} from "../../shared/wire/index.ts";
import { createDispatchers, type TlsIdentity } from "./dispatchers.ts";
import { parseEndpoint } from "./endpoint.ts";
import { withTimeLimit } from "./linked-signal.ts";
import type { ReplicaKey } from "./replica-key.ts";

/** What became of pushed log bytes. `refused`: the control plane will never take them (job or attempt is over). */
export type PushResult = { kind: "stored" | "mismatch"; size: number } | { kind: "too-large" } | { kind: "refused"; reason: string };

/** The agent's half of src/shared/wire/agent-protocol.ts. Everything throws BerthError; unreachable is control_plane_unavailable, an untrusted server certificate_invalid. */
export interface ControlPlaneClient {
  join(request: JoinRequest, signal: AbortSignal): Promise<JoinResponse>;
  /** A join token, which the local socket gives without asking for one: its file permission is the authority. */
  localJoinToken(signal: AbortSignal): Promise<string>;
  /** The node's certificate for the key of a PKCS #10 request. */
  certify(request: string, signal: AbortSignal): Promise<CertificateResponse>;
  claimBlob(request: BlobClaimRequest, signal: AbortSignal): Promise<BlobClaimResponse>;
  holdBlobs(request: BlobHoldRequest, signal: AbortSignal): Promise<void>;
  sync(request: SyncRequest, signal: AbortSignal): Promise<SyncResponse>;
  /** Text of the wake stream as it comes; ends or throws when the connection does, or after `WATCHDOG_MS` of silence. */
  wake(signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
  pushLog(key: ReplicaKey, offset: number, bytes: Buffer, signal: AbortSignal): Promise<PushResult>;
  close(): Promise<void>;
}

export interface ClientOptions {
  /** http://, https:// or unix:///path/to/api.sock */
  url: string;
  /** The node's credential; null before it joined. */
  credential(): string | null;
  /** For https: what is trusted and shown; asked for at every request, as certificates are renewed. */
  tls?(signal: AbortSignal): Promise<TlsIdentity>;
  /** Longest silence on the wake stream, milliseconds. */
  watchdogMs?: number;
  /** Longest wait for an answer, milliseconds. */
  answerMs?: number;
}

const WATCHDOG_MS = 30_000;
const ANSWER_MS = 10_000;
const CONNECT_MS = 5_000;
const ERROR_BYTES = 64 * 1024;
/** A sync answer holds the specs of every replica of one node; more is not a control plane talking. */
const ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * Connects at the first call; with a renewed certificate come new connections.
 * @throws BerthError invalid_request for a URL that is none
 */
export function createControlPlaneClient(options: ClientOptions): ControlPlaneClient {
  const endpoint = parseEndpoint(options.url);
  const answerMs = options.answerMs ?? ANSWER_MS;
  const dispatchers = createDispatchers(endpoint.socketPath, { connectMs: CONNECT_MS, answerMs });
  const send = async (path: string, call: Partial<Dispatcher.RequestOptions>, signal: AbortSignal) =>
    exchange(dispatchers.current((await options.tls?.(signal)) ?? {}), `${endpoint.origin}${path}`, options, { ...call, signal });
  const post = <T>(path: string, body: unknown, signal: AbortSignal): Promise<T> =>
    // The dispatcher's limits are between bytes; this one is for an answer that trickles.
    withTimeLimit(signal, 2 * answerMs, new Error("the answer takes too long"), async (timed) => {
      const headers = { "content-type": "application/json" };
      return (await readJsonBody(await send(path, { method: "POST", body: JSON.stringify(body), headers }, timed), ANSWER_BYTES)) as T;
    });
  return {
    join: async (body, signal) => checked(JoinResponseSchema, await post("/agent/v1/join", body, signal)),
    localJoinToken: async (signal) => (await post<{ token: string }>("/v1/tokens", { kind: "join", ttlSeconds: 60 }, signal)).token,
    certify: async (csr, signal) => checked(CertificateResponseSchema, await post("/agent/v1/certificate", { request: csr }, signal)),
    claimBlob: async (body, signal) => checked(BlobClaimResponseSchema, await post("/agent/v1/blobs/claim", body, signal)),
    holdBlobs: async (body, signal) => {
      const headers = { "content-type": "application/json" };
      const answer = await send("/agent/v1/blobs/held", { method: "POST", body: JSON.stringify(body), headers }, signal);
      await answer.body.dump();
    },
    sync: async (body, signal) => checked(SyncResponseSchema, await post("/agent/v1/sync", body, signal)),
    wake: async (signal) => (await send("/agent/v1/wake", { method: "GET", bodyTimeout: options.watchdogMs ?? WATCHDOG_MS }, signal)).body,
    pushLog: (key, offset, bytes, signal) => pushLog(send, key, offset, bytes, signal),
    close: () => dispatchers.close(),
  };
}

type Answer = Awaited<ReturnType<typeof request>>;
type Send = (path: string, call: Partial<Dispatcher.RequestOptions>, signal: AbortSignal) => Promise<Answer>;

async function pushLog(send: Send, key: ReplicaKey, offset: number, bytes: Buffer, signal: AbortSignal): Promise<PushResult> {
  const path = `/agent/v1/logs/${encodeURIComponent(key.jobId)}/${key.epoch}/${key.rank}?offset=${offset}`;
  try {
    const answer = await send(path, { method: "POST", body: bytes, headers: { "content-type": "application/octet-stream" } }, signal);
    return { kind: "stored", size: sizeIn(await readJsonBody(answer, ERROR_BYTES)) };
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    if (error.code === "log_offset_mismatch") return { kind: "mismatch", size: sizeIn(error.details) };
    if (error.code === "payload_too_large") return { kind: "too-large" };
    if (["stale_epoch", "job_not_found", "forbidden"].includes(error.code)) return { kind: "refused", reason: error.message };
    throw error;
  }
}

/** The problem's own `size`, or the one among its details. */
function sizeIn(body: unknown): number {
  const { size, details } = (body ?? {}) as { size?: unknown; details?: { size?: unknown } };
  return checked(LogPushResponseSchema, { size: size ?? details?.size }).size;
}

async function exchange(
  dispatcher: Dispatcher,
  url: string,
  options: ClientOptions,
  call: Partial<Dispatcher.RequestOptions>,
): Promise<Answer> {
  const credential = options.credential();
  const headers = {
    ...(call.headers as Record<string, string>),
    ...(credential === null ? {} : { authorization: `Bearer ${credential}` }),
  };
  const answer = await unreachableAs(options.url, () =>
    request(url, { ...call, headers, dispatcher } as Parameters<typeof request>[1] & object),
  );
  if (answer.statusCode < 300) return answer;
  throw problemError(answer.statusCode, await readJsonBody(answer, ERROR_BYTES).catch(() => null));
}

async function unreachableAs<T>(who: string, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    const untrusted = describeTlsError(error, who);
    if (untrusted !== null) throw untrusted;
    throw new BerthError("control_plane_unavailable", `${who} does not answer: ${errorText(error)}`, { cause: error });
  }
}

/** An RFC 9457 problem as the error it came from; the problem's members are the details. */
function problemError(status: number, body: unknown): BerthError {
  const problem = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const known = typeof problem["code"] === "string" && Object.hasOwn(ERRORS, problem["code"]);
  const code = known ? (problem["code"] as ErrorCode) : codeOfStatus(status);
  const detail = typeof problem["detail"] === "string" ? problem["detail"] : `the control plane answered ${status}`;
  return new BerthError(code, detail, { details: problem });
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return "unauthorized";
  if (status === 413) return "payload_too_large";
  return status < 500 ? "invalid_request" : "control_plane_unavailable";
}

async function readJsonBody(answer: Answer, limit: number): Promise<unknown> {
  return unreachableAs("the control plane", async () => {
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of answer.body as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > limit) throw new Error(`an answer of more than ${limit} bytes`);
      parts.push(part);
    }
    return JSON.parse(Buffer.concat(parts).toString("utf8")) as unknown;
  });
}

function checked<S extends TSchema>(schema: S, value: unknown): Static<S> {
  if (Check(schema, value)) return value as Static<S>;
  throw new BerthError(
    "control_plane_unavailable",
    "the answer does not fit the agent protocol: not a Berth control plane of this version",
  );
}
