import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import type { LocalApiPort } from "./port.ts";
import { answerWithProgress } from "./progress-stream.ts";

/** Debian policy 5.6.1; nothing that begins with '-', which mmdebstrap would read as an option. */
const PackageName = Type.String({ pattern: "^[a-z0-9][a-z0-9+.-]{1,127}$" });
const Body = Type.Object(
  {
    reference: Type.String({ minLength: 1, maxLength: 512 }),
    include: Type.Optional(Type.Array(PackageName, { maxItems: 1000, default: [] })),
  },
  { additionalProperties: false },
);

/** POST /v1/images/bootstrap: makes a base image from the distribution's packages. */
export function bootstrapRoute(app: FastifyInstance, { bootstrap, heavy, log }: LocalApiPort): void {
  app.post<{ Body: Static<typeof Body> }>("/v1/images/bootstrap", { schema: { body: Body } }, (request, reply) => {
    const { reference, include = [] } = request.body;
    return answerWithProgress(reply, log, (progress, signal) =>
      heavy.use(() => bootstrap({ reference, include }, progress, signal), signal),
    );
  });
}
