import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { JobSpecSchema } from "../../../shared/wire/index.ts";
import { route } from "../http/route-schema.ts";

/** For editors: `# yaml-language-server: $schema=http://127.0.0.1:8470/schemas/job.json`. They show no token. */
export function jobSchema(app: FastifyInstance): void {
  const document = { ...JobSpecSchema, $schema: "http://json-schema.org/draft-07/schema#", $id: "urn:berth:schema:job" };
  app.get(
    "/schemas/job.json",
    route({
      access: "public",
      tag: "service",
      operationId: "getJobSchema",
      summary: "JSON Schema of job.yaml",
      response: { 200: Type.Object({}, { additionalProperties: true, description: "a JSON Schema" }) },
    }),
    async (_request, reply) => reply.type("application/schema+json").send(JSON.stringify(document)),
  );
}
