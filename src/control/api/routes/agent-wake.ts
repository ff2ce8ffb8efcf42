import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";
import { nodeOf } from "./node-of.ts";

/** Only a hint: a node whose stream is cut still syncs at its interval. */
export function agentWake(app: FastifyInstance, deps: ApiDeps): void {
  app.get(
    "/agent/v1/wake",
    route({
      access: "node",
      tag: "agent",
      operationId: "wakeNode",
      summary: "A line whenever the node should sync, and every 10 seconds as a sign of life",
      response: { 200: { "application/x-ndjson": Type.Object({ type: Type.Union([Type.Literal("nudge"), Type.Literal("alive")]) }) } },
      stream: true,
    }),
    async (request, reply) => reply.type("application/x-ndjson").send(deps.wake.open(nodeOf(request))),
  );
}
