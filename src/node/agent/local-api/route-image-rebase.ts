import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import type { LocalApiPort } from "./port.ts";
import { disconnectSignal } from "./progress-stream.ts";

const Reference = Type.String({ minLength: 1, maxLength: 512 });
const Body = Type.Object(
  { image: Reference, onto: Reference, oldBase: Type.Optional(Reference), reference: Type.Optional(Reference) },
  { additionalProperties: false },
);

/** POST /v1/images/rebase: another base under an image, without a build. */
export function imageRebaseRoute(app: FastifyInstance, { imageTools }: LocalApiPort): void {
  app.post<{ Body: Static<typeof Body> }>("/v1/images/rebase", { schema: { body: Body } }, ({ body }, reply) => {
    const { image, onto, oldBase = null, reference = null } = body;
    return imageTools.rebase({ image, onto, oldBase, reference }, disconnectSignal(reply));
  });
}
