import type { FastifyInstance } from "fastify";
import type { LocalApiPort } from "./port.ts";

/** GET /v1/node: what this machine has and what runs on it. */
export function nodeRoute(app: FastifyInstance, { facts, gpu, engine }: LocalApiPort): void {
  app.get("/v1/node", async () => ({
    facts: facts(),
    gpu: gpu(),
    containers: engine.list().map(({ id, state, imageDigest, gpuUuids, startedAt }) => ({ id, state, imageDigest, gpuUuids, startedAt })),
  }));
}
