import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import type { LocalApiPort } from "./port.ts";

const Body = Type.Object(
  {
    image: Type.String({ minLength: 1, maxLength: 512 }),
    gpus: Type.Optional(Type.String({ maxLength: 16_384 })),
    env: Type.Optional(Type.Record(Type.String({ maxLength: 1024 }), Type.String({ maxLength: 131_072 }))),
  },
  { additionalProperties: false },
);

/** POST /v1/gpus/plan: what a job of an image would get of this machine's GPUs, and why. */
export function gpuPlanRoute(app: FastifyInstance, { gpuPlan }: Pick<LocalApiPort, "gpuPlan">): void {
  app.post<{ Body: Static<typeof Body> }>("/v1/gpus/plan", { schema: { body: Body } }, ({ body }, reply) => {
    const gone = new AbortController();
    reply.raw.once("close", () => gone.abort());
    return gpuPlan({ image: body.image, gpus: body.gpus ?? "1", env: body.env ?? {} }, gone.signal);
  });
}
