import type { FastifyInstance } from "fastify";
import { BerthError, isBerthError } from "../../../shared/domain/index.ts";
import { HealthSchema } from "../../../shared/wire/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";

/** healthz: this process works (restart it if not). readyz: it can take jobs (send it no requests if not). */
export function health(app: FastifyInstance, deps: ApiDeps): void {
  app.get(
    "/healthz",
    route({
      access: "public",
      tag: "service",
      operationId: "getHealth",
      summary: "Does the process work",
      response: { 200: HealthSchema },
    }),
    async () => ({ status: "ok" }),
  );
  app.get(
    "/readyz",
    route({ access: "public", tag: "service", operationId: "getReadiness", summary: "Can it take jobs", response: { 200: HealthSchema } }),
    async () => {
      if (deps.stopping.aborted) throw new BerthError("control_plane_unavailable", "the control plane is stopping");
      await deps.stores.jobs.counts().catch((error: unknown) => {
        // Open to everybody: addresses and settings stay in the log.
        throw isBerthError(error) ? new BerthError("redis_unavailable", "redis does not answer", { cause: error }) : error;
      });
      return { status: "ready" };
    },
  );
}
