import type { FastifyInstance } from "fastify";
import type { LocalApiPort } from "./port.ts";

/** GET /v1/gpus: all that is known of this machine's GPUs now, how they are linked, and the driver's last errors. */
export function gpusRoute(app: FastifyInstance, { gpus, facts }: Pick<LocalApiPort, "gpus" | "facts">): void {
  app.get("/v1/gpus", async () => ({ hostname: facts().hostname, ...gpus() }));
}
