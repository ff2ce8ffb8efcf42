import { randomUUID } from "node:crypto";
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from "fastify";
import {
  ExplanationSchema,
  JobEventSchema,
  JobSchema,
  JobSpecSchema,
  LIMITS,
  LogEntrySchema,
  NodeSchema,
  ProblemSchema,
  ProjectSchema,
  ReservationSchema,
} from "../../shared/wire/index.ts";
import type { ApiDeps } from "./api-deps.ts";
import { authenticate } from "./auth/authenticate.ts";
import type { Identity } from "./auth/identity.ts";
import { answerErrors, refuseBrokenHttp } from "./http/answer-errors.ts";
import { observeRequests } from "./http/observe-requests.ts";
import type { Access } from "./http/route-schema.ts";
import { createValidatorCompiler } from "./http/validators.ts";
import { serveOpenApi } from "./openapi.ts";
import { addRoutes } from "./routes/all-routes.ts";

declare module "fastify" {
  interface FastifyRequest {
    identity: Identity;
  }
  interface FastifyContextConfig {
    access?: Access;
    specBody?: boolean;
    stream?: boolean;
  }
}

const SHARED_SCHEMAS = [
  JobSpecSchema,
  JobSchema,
  JobEventSchema,
  LogEntrySchema,
  NodeSchema,
  ExplanationSchema,
  ProjectSchema,
  ReservationSchema,
  ProblemSchema,
];

/**
 * The HTTP API over its dependencies, not yet listening: `inject` works on it. A route without an `access` of its own is
 * closed to everybody but the operator, so a forgotten one is not open.
 */
export async function createApp(deps: ApiDeps): Promise<FastifyInstance> {
  const app: FastifyInstance = fastify({
    loggerInstance: deps.logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    bodyLimit: LIMITS.specBytes,
    connectionTimeout: 0,
    requestTimeout: 30_000,
    keepAliveTimeout: 65_000,
    routerOptions: { maxParamLength: 256 },
    exposeHeadRoutes: false,
    http: { maxHeaderSize: 16 * 1024, headersTimeout: 15_000 },
    clientErrorHandler: refuseBrokenHttp,
    frameworkErrors: (error, _request, reply) => void answerErrors.framework(error, reply),
  });
  // Names like __proto__ are refused by the JSON parser itself, before any schema sees them.
  app.removeContentTypeParser("text/plain");
  app.setValidatorCompiler(createValidatorCompiler(SHARED_SCHEMAS) as never);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  for (const schema of SHARED_SCHEMAS) app.addSchema(schema);
  app.decorateRequest("identity", null as never);
  answerErrors.install(app);
  observeRequests(app, deps.metrics);
  const auth = {
    admin: deps.admin,
    tokens: deps.stores.tokens,
    nodes: deps.stores.nodes,
    clock: deps.clock,
    isLocal: deps.isLocal,
    shownCertificate: deps.shownCertificate,
  };
  app.addHook("onRequest", async (request) => {
    request.identity = request.is404
      ? { kind: "anonymous" }
      : await authenticate(auth, request.routeOptions.config.access ?? "operator", request);
  });
  await serveOpenApi(app, deps.version, SHARED_SCHEMAS);
  await app.register(async (scope) => addRoutes(scope, deps));
  await app.ready();
  return app;
}
