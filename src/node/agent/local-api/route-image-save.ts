import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import type { LocalApiPort } from "./port.ts";
import { disconnectSignal } from "./progress-stream.ts";

const Query = Type.Object({ ref: Type.Array(Type.String({ minLength: 1, maxLength: 512 }), { minItems: 1, maxItems: 100 }) });

/** GET /v1/images/save?ref=A&ref=B: an oci-archive tar of the images. */
export function imageSaveRoute(app: FastifyInstance, { images }: LocalApiPort): void {
  app.get<{ Querystring: Static<typeof Query> }>("/v1/images/save", { schema: { querystring: Query } }, async (request, reply) => {
    const archive = await images.save(request.query.ref, disconnectSignal(reply));
    return reply.type("application/x-tar").send(archive);
  });
}
