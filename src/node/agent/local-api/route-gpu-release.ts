import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import type { LocalApiPort } from "./port.ts";

/** A forgotten release must not take a node's GPUs away for good. */
const LONGEST_SECONDS = 3600;
const BodySchema = Type.Object({ seconds: Type.Integer({ minimum: 0, maximum: LONGEST_SECONDS }) }, { additionalProperties: false });

/** POST /v1/gpus/release {seconds}: lets go of the driver so that GPUs can be reset or partitioned; 0 takes it back. */
export function gpuReleaseRoute(app: FastifyInstance, { releaseGpus, log }: Pick<LocalApiPort, "releaseGpus" | "log">): void {
  app.post<{ Body: { seconds: number } }>("/v1/gpus/release", { schema: { body: BodySchema } }, async ({ body }) => {
    const closed = await releaseGpus(body.seconds * 1000);
    log.warn({ seconds: body.seconds, closed }, "GPU driver released for maintenance");
    return { closed };
  });
}
