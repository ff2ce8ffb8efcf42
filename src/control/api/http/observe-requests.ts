import type { FastifyInstance } from "fastify";
import type { Metrics } from "../../../shared/observe/index.ts";

/** Times every request by route pattern (never by path: anybody can make up paths) and sets the headers every answer has. */
export function observeRequests(app: FastifyInstance, metrics: Metrics): void {
  app.addHook("onRequest", async (request, reply) => {
    void reply.headers({ "x-content-type-options": "nosniff", "request-id": request.id });
  });
  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "unknown";
    request.log.debug({ method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) }, "request");
    // How long somebody watched a log says nothing about the server.
    if (request.routeOptions.config.stream) return;
    metrics.httpDuration.observe({ method: request.method, route, status: String(reply.statusCode) }, reply.elapsedTime / 1000);
  });
}
