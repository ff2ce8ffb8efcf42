import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { isBerthError } from "../../../shared/domain/index.ts";
import type { Logger } from "../../../shared/observe/index.ts";
import { isDiskFull } from "../../platform/index.ts";
import { RegistryError } from "../registry-error.ts";
import type { RegistryParts } from "../routes/context.ts";
import { dispatch } from "./dispatch.ts";

interface ServerOptions {
  tls: { cert: string; key: string; ca: string | null } | null;
  /** Where clients reach the server; null: what they ask for in Host. */
  publicUrl: string | null;
  log: Logger;
}

/** A connection on which nothing moves: an upload may take hours, but not without a byte. */
const SILENCE_MS = 120_000;
const HOST = /^(?:\[[0-9a-fA-F:]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::\d{1,5})?$/;

/** The HTTP side of the registry. One handler takes every path as it came, as names hold slashes and escapes are refused. */
export function createServer(parts: RegistryParts, options: ServerOptions): FastifyInstance {
  const { tls, log } = options;
  const fail = (error: unknown, request: FastifyRequest, reply: FastifyReply) => sendError(log, error, request, reply);
  const app = Fastify({
    connectionTimeout: SILENCE_MS,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    frameworkErrors: fail,
    ...(tls === null
      ? {}
      : {
          https: { cert: tls.cert, key: tls.key, ...(tls.ca === null ? {} : { ca: tls.ca, requestCert: true, rejectUnauthorized: true }) },
        }),
  }) as unknown as FastifyInstance;
  // Bodies are streamed by the routes that take them, whatever they say they are.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
  app.setErrorHandler(fail);
  app.setNotFoundHandler((request, reply) =>
    fail(new RegistryError("UNSUPPORTED", "there is no such endpoint", { status: 404 }), request, reply),
  );
  app.route({
    method: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    url: "/v2*",
    handler: (request, reply) => dispatch(parts, realmOf(request, options), request, reply),
  });
  return app;
}

/** The token service is this server. A Host that is no host must not get into a header. */
function realmOf(request: FastifyRequest, { publicUrl, tls }: ServerOptions): string {
  const host = request.headers.host ?? "";
  const base = publicUrl ?? `${tls === null ? "http" : "https"}://${HOST.test(host) ? host : "localhost"}`;
  return `${base}/v2/token`;
}

function sendError(log: Logger, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, code, message, detail, headers } = describe(error);
  // A client that went away in the middle of its body is no failure of ours, and is told nothing any more.
  if (status >= 500 && !request.socket.destroyed)
    log.error({ err: error, method: request.method, path: request.raw.url?.slice(0, 300) }, "registry request failed");
  // What the route set for its own body does not fit this one.
  for (const name of ["content-length", "content-range", "etag", "cache-control", "content-type", "accept-ranges"])
    reply.removeHeader(name);
  const body = { errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] };
  return reply
    .code(status)
    .headers(headers)
    .type("application/json")
    .send(request.method === "HEAD" ? undefined : body);
}

function describe(error: unknown) {
  if (error instanceof RegistryError) {
    return {
      status: error.httpStatus,
      code: error.ociCode as string,
      message: error.message,
      detail: error.detail,
      headers: { ...error.headers },
    };
  }
  const unknown = { code: "UNKNOWN", detail: undefined, headers: {} };
  if (isBerthError(error, "insufficient_storage") || isDiskFull(error)) return { ...unknown, status: 507, message: "the disk is full" };
  const { statusCode, message } = error as { statusCode?: number; message?: string };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return { ...unknown, code: "UNSUPPORTED", status: statusCode, message: message ?? "" };
  return { ...unknown, status: 500, message: "internal error" };
}
