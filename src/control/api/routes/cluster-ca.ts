import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { BerthError } from "../../../shared/domain/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";

/** Nothing secret: who asks compares it with the fingerprint that came with a token. */
export function clusterCa(app: FastifyInstance, deps: ApiDeps): void {
  app.get(
    "/v1/ca",
    route({
      access: "public",
      tag: "service",
      operationId: "getClusterCa",
      summary: "The certificate of the CA by which servers and nodes of this cluster are known",
      response: { 200: { "application/x-pem-file": Type.String() } },
    }),
    async (_request, reply) => {
      if (!deps.secure) throw new BerthError("route_not_found", "this control plane is reached without TLS");
      const { certificate } = await deps.ca.authority();
      return reply.type("application/x-pem-file").serializer(String).send(certificate);
    },
  );
}
