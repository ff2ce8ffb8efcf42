import type { FastifyInstance } from "fastify";
import { AGENT_PROTOCOL_VERSION, VersionSchema } from "../../../shared/wire/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";

/** GET /v1/version, public: clients and agents learn which protocol is spoken before they have a token. */
export function version(app: FastifyInstance, deps: ApiDeps): void {
  app.get(
    "/v1/version",
    route({
      access: "public",
      tag: "service",
      operationId: "getVersion",
      summary: "The server's version",
      response: { 200: VersionSchema },
    }),
    async () => ({ version: deps.version, apiVersion: "v1", agentProtocol: AGENT_PROTOCOL_VERSION, node: process.version }),
  );
}
