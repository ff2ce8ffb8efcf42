import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import { type TSchema, Type } from "typebox";
import { route } from "./http/route-schema.ts";

/** OpenAPI 3.1 from the routes' own schemas at /openapi.json, browsable at /docs. Register before the routes. */
export async function serveOpenApi(app: FastifyInstance, version: string, shared: TSchema[]): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Berth",
        version,
        description: "GPU-aware container orchestrator for ML training",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      tags: [
        { name: "jobs", description: "submit, watch and cancel training jobs" },
        { name: "nodes", description: "machines and their GPUs" },
        { name: "projects", description: "shares, quotas and limits" },
        { name: "reservations", description: "nodes kept for projects or for maintenance" },
        { name: "tokens", description: "who may join and who may call" },
        { name: "service", description: "health, version, metrics, schemas" },
        { name: "agent", description: "what nodes say to the control plane" },
      ],
      components: {
        securitySchemes: {
          bearerToken: { type: "http", scheme: "bearer", description: "API token, or the admin token; not needed on the local socket" },
          nodeCredential: {
            type: "http",
            scheme: "bearer",
            description: "the credential that joining gave; over TLS the node also shows its certificate",
          },
        },
      },
    },
    transformObject: (document) => withSchemas("openapiObject" in document ? document.openapiObject : {}, shared),
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, index) => (typeof schema.$id === "string" ? schema.$id : `schema-${index}`),
    },
  });
  await app.register(async (scope) => {
    // The pages of the UI carry no data: what they call is authorised like any other call.
    scope.addHook("onRoute", (routeOptions) => {
      routeOptions.config = { ...routeOptions.config, access: "public" };
    });
    await scope.register(swaggerUi, { routePrefix: "/docs", staticCSP: true, uiConfig: { deepLinking: true, tryItOutEnabled: false } });
  });
  app.get(
    "/openapi.json",
    route({
      access: "public",
      tag: "service",
      operationId: "getOpenApi",
      summary: "This API as OpenAPI 3.1",
      response: { 200: Type.Object({}, { additionalProperties: true, description: "an OpenAPI document" }) },
    }),
    async () => app.swagger(),
  );
}

/** The plugin rewrites schemas as OpenAPI 3.0 needed it (patternProperties, const); 3.1 takes them as they are. */
function withSchemas<D extends { components?: object }>(document: D, shared: TSchema[]): D {
  const schemas = Object.fromEntries(shared.map(({ $id, ...schema }: TSchema & { $id?: string }) => [$id, schema]));
  return { ...document, components: { ...document.components, schemas } };
}
