import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { errorText } from "../../../shared/domain/index.ts";
import { recordNodes } from "../../../shared/observe/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";
import { nodeUse } from "../node-use.ts";

/** However often it is scraped, and by whomever, the store is read at most this often. */
const READ_EVERY_MS = 1000;

/**
 * GET /metrics, public so that Prometheus needs no token; without Redis it still answers, with the last gauges and
 * berth_redis_up 0.
 */
export function metrics(app: FastifyInstance, deps: ApiDeps): void {
  const refresh = rarely(READ_EVERY_MS, deps, () => readStore(deps));
  app.get(
    "/metrics",
    route({
      access: "public",
      tag: "service",
      operationId: "getMetrics",
      summary: "Metrics for Prometheus",
      response: { 200: { "text/plain": Type.String() } },
    }),
    async (request, reply) => {
      await refresh().then(
        () => deps.metrics.redisUp.set(1),
        (error: unknown) => {
          deps.metrics.redisUp.set(0);
          request.log.debug({ err: errorText(error) }, "metrics without the store");
        },
      );
      return reply.type(deps.metrics.registry.contentType).send(await deps.metrics.registry.metrics());
    },
  );
}

/** Gauges are read from the truth at every scrape, so that they cannot drift from it. */
async function readStore({ stores, metrics: { jobs }, metrics }: ApiDeps): Promise<void> {
  const [counts, records, { active }] = await Promise.all([stores.jobs.counts(), stores.nodes.list(), stores.jobs.queue(1)]);
  for (const [state, count] of Object.entries(counts)) jobs.set({ state }, count);
  recordNodes(
    metrics,
    records.map((record) => nodeUse(record, active)),
  );
}

function rarely(everyMs: number, { clock }: ApiDeps, read: () => Promise<void>): () => Promise<void> {
  let last: { at: number; result: Promise<void> } | null = null;
  return () => {
    if (last === null || clock.monotonic() - last.at >= everyMs) last = { at: clock.monotonic(), result: read() };
    return last.result;
  };
}
