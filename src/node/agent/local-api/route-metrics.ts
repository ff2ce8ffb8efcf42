import type { FastifyInstance } from "fastify";
import type { LocalApiPort } from "./port.ts";

/** GET /metrics, Prometheus text format. */
export function metricsRoute(app: FastifyInstance, { metrics }: Pick<LocalApiPort, "metrics">): void {
  app.get("/metrics", async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
}
