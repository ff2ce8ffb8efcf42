import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import type { LocalApiPort } from "./port.ts";
import { disconnectSignal } from "./progress-stream.ts";

const Query = Type.Object({
  ref: Type.Array(Type.String({ minLength: 1, maxLength: 512 }), { minItems: 1, maxItems: 100 }),
  format: Type.Optional(Type.Union([Type.Literal("oci-archive"), Type.Literal("docker-archive")])),
});

/** GET /v1/images/save?ref=A&ref=B&format=: a tar of the images. */
export function imageSaveRoute(app: FastifyInstance, { images }: LocalApiPort): void {
  app.get<{ Querystring: Static<typeof Query> }>("/v1/images/save", { schema: { querystring: Query } }, async (request, reply) => {
    const archive = await images.save(request.query.ref, disconnectSignal(reply), request.query.format);
    return reply.type("application/x-tar").send(archive);
  });
}
