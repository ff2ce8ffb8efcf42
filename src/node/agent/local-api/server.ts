import { chmod, mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import Fastify, { type FastifyInstance } from "fastify";
import { BerthError } from "../../../shared/domain/index.ts";
import type { Logger } from "../../../shared/observe/index.ts";
import type { LocalApiPort } from "./port.ts";
import { problemOf } from "./problem.ts";
import { bootstrapRoute } from "./route-bootstrap.ts";
import { buildRoute } from "./route-build.ts";
import { containersRoute } from "./route-containers.ts";
import { gpuPlanRoute } from "./route-gpu-plan.ts";
import { gpuReleaseRoute } from "./route-gpu-release.ts";
import { gpusRoute } from "./route-gpus.ts";
import { imageImportRoute } from "./route-image-import.ts";
import { imageListRoute } from "./route-image-list.ts";
import { imageLoadRoute } from "./route-image-load.ts";
import { imagePullRoute } from "./route-image-pull.ts";
import { imageRebaseRoute } from "./route-image-rebase.ts";
import { imageSaveRoute } from "./route-image-save.ts";
import { imageTrustRoute } from "./route-image-trust.ts";
import { imageUpkeepRoute } from "./route-image-upkeep.ts";
import { metricsRoute } from "./route-metrics.ts";
import { nodeRoute } from "./route-node.ts";

/** The agent's own API for the CLI on this machine. The socket's permission is the authority: there is no token. */
export function createLocalApi(port: LocalApiPort): FastifyInstance {
  const app = createServer(port.log);
  // Tars of any size are streamed to the route, never gathered.
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
  for (const route of [
    imageListRoute,
    imageLoadRoute,
    imageSaveRoute,
    imagePullRoute,
    imageTrustRoute,
    imageUpkeepRoute,
    imageImportRoute,
    imageRebaseRoute,
    containersRoute,
    bootstrapRoute,
    buildRoute,
    nodeRoute,
    gpusRoute,
    gpuReleaseRoute,
    gpuPlanRoute,
    metricsRoute,
  ])
    route(app, port);
  return app;
}

/** Only /metrics, for a Prometheus that comes over TCP. */
export function createMetricsApi(metrics: LocalApiPort["metrics"], log: Logger): FastifyInstance {
  const app = createServer(log);
  metricsRoute(app, { metrics });
  return app;
}

function createServer(log: Logger): FastifyInstance {
  const app = Fastify({ bodyLimit: 1024 * 1024, forceCloseConnections: true, ajv: { customOptions: { removeAdditional: false } } });
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(asBerthError(error));
    if (problem.status >= 500) log.error({ err: error, route: request.routeOptions.url }, "request failed");
    return reply.code(problem.status).type("application/problem+json").send(problem);
  });
  app.setNotFoundHandler((request) => {
    throw new BerthError("route_not_found", `there is no ${request.method} ${request.url}`);
  });
  return app;
}

/**
 * Listens on a socket file of permission 0600. Until the chmod its folder of 0700 keeps others out. The caller holds the
 * run folder's lock: a file there is a dead agent's.
 */
export async function listenOnSocket(app: FastifyInstance, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(path, { force: true });
  await app.listen({ path });
  await chmod(path, 0o600);
}

function asBerthError(error: unknown): unknown {
  const { validation, statusCode, message, validationContext } = error as {
    validation?: { instancePath?: string }[];
    validationContext?: string;
    statusCode?: number;
    message?: string;
  };
  if (validation) {
    const field = `/${validationContext ?? "body"}${validation[0]?.instancePath ?? ""}`;
    return new BerthError("invalid_request", message ?? "the request is not valid", { cause: error, field });
  }
  if (error instanceof BerthError || statusCode === undefined || statusCode >= 500) return error;
  return new BerthError(statusCode === 413 ? "payload_too_large" : "invalid_request", message ?? "the request is not valid", {
    cause: error,
  });
}
