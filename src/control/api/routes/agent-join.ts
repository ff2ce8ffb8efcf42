import type { FastifyInstance } from "fastify";
import { splitToken } from "../../../shared/certificates/index.ts";
import { BerthError } from "../../../shared/domain/index.ts";
import { type JoinRequest, JoinRequestSchema, JoinResponseSchema } from "../../../shared/wire/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { formatNodeCredential } from "../auth/node-credential.ts";
import { route } from "../http/route-schema.ts";

/** The join token in the body is the authority; no other is asked for. */
export function agentJoin(app: FastifyInstance, deps: ApiDeps): void {
  app.post<{ Body: JoinRequest }>(
    "/agent/v1/join",
    route({
      access: "public",
      tag: "agent",
      operationId: "joinNode",
      summary: "Become a node",
      body: JoinRequestSchema,
      response: { 200: JoinResponseSchema },
    }),
    async (request, reply) => {
      const { name } = request.body;
      const claim = await deps.stores.tokens.claimJoin(splitToken(request.body.token).token, name, deps.clock.now());
      if (claim === "unknown")
        throw new BerthError("unauthorized", "the join token is not known or has expired; make one with: berth token create");
      if (claim === "used")
        throw new BerthError("unauthorized", "another node has joined with this token already; make one for each: berth token create");
      const { nodeId, credential } = await deps.stores.nodes.join(name, deps.clock.now());
      request.log.info({ node: nodeId }, "node joined");
      return reply.header("cache-control", "no-store").send({ nodeId, credential: formatNodeCredential(nodeId, credential) });
    },
  );
}
