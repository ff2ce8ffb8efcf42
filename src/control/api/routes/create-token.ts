import type { FastifyInstance } from "fastify";
import { pinToken } from "../../../shared/certificates/index.ts";
import { type TokenRequest, TokenRequestSchema, TokenResponseSchema } from "../../../shared/wire/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";

const DEFAULT_TTL_SECONDS = { join: 600, api: 30 * 86_400 } as const;

/** The token is in this answer only; the store keeps its hash. Where there is TLS it carries the CA's fingerprint. */
export function createToken(app: FastifyInstance, deps: ApiDeps): void {
  app.post<{ Body: TokenRequest }>(
    "/v1/tokens",
    route({
      access: "operator",
      tag: "tokens",
      operationId: "createToken",
      summary: "Make a token that joins nodes or calls the API",
      body: TokenRequestSchema,
      response: { 201: TokenResponseSchema },
    }),
    async (request, reply) => {
      const { kind, ttlSeconds } = request.body;
      const made = await deps.stores.tokens.create(kind, ttlSeconds ?? DEFAULT_TTL_SECONDS[kind], deps.clock.now());
      request.log.info({ kind, expiresAt: made.expiresAt }, "token made");
      const token = deps.secure ? pinToken(made.token, (await deps.ca.authority()).fingerprint) : made.token;
      return reply
        .code(201)
        .header("cache-control", "no-store")
        .send({ ...made, token });
    },
  );
}
