import type { FastifyInstance } from "fastify";
import { type CertificateRequest, CertificateRequestSchema, CertificateResponseSchema } from "../../../shared/wire/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";
import { nodeOf } from "./node-of.ts";

/**
 * The credential of the join is the authority, so that a node that was off until its certificate ended comes back by itself;
 * removing the node ends the credential, and with it every further certificate.
 */
export function agentCertificate(app: FastifyInstance, deps: ApiDeps): void {
  app.post<{ Body: CertificateRequest }>(
    "/agent/v1/certificate",
    route({
      access: "joined",
      tag: "agent",
      operationId: "certifyNode",
      summary: "Get or renew the node's certificate",
      body: CertificateRequestSchema,
      response: { 200: CertificateResponseSchema },
    }),
    async (request, reply) => {
      const nodeId = nodeOf(request);
      const certificate = await deps.ca.issueNode(nodeId, request.body.request);
      request.log.info({ node: nodeId }, "node certificate issued");
      return reply.header("cache-control", "no-store").send({ certificate, ca: (await deps.ca.authority()).certificate });
    },
  );
}
