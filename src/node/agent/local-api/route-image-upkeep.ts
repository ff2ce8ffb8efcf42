import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { inUse } from "./in-use.ts";
import type { LocalApiPort } from "./port.ts";
import { answerWithProgress } from "./progress-stream.ts";

const VerifyQuery = Type.Object({ ref: Type.String({ minLength: 1, maxLength: 512 }) });
const ScrubBody = Type.Object(
  {
    /** 0 for no limit. */
    bytesPerSecond: Type.Optional(Type.Number({ minimum: 0, default: 0 })),
    unpacked: Type.Optional(Type.Boolean({ default: false })),
  },
  { additionalProperties: false },
);

/** Where the disk went, and whether what lies on it is still what it was. */
export function imageUpkeepRoute(app: FastifyInstance, { images, imageTools, engine, log }: LocalApiPort): void {
  app.get("/v1/images/usage", () => imageTools.usage());
  app.post<{ Querystring: Static<typeof VerifyQuery> }>("/v1/images/verify", { schema: { querystring: VerifyQuery } }, (request, reply) =>
    answerWithProgress(reply, log, (progress, signal) => imageTools.verify(request.query.ref, progress, signal)),
  );
  app.post<{ Body: Static<typeof ScrubBody> }>("/v1/images/scrub", { schema: { body: ScrubBody } }, ({ body }, reply) =>
    answerWithProgress(reply, log, async (progress, signal) => {
      const { bytesPerSecond = 0, unpacked = false } = body;
      const options = { bytesPerSecond: bytesPerSecond === 0 ? null : bytesPerSecond, unpacked, inUse: await inUse({ images, engine }) };
      return imageTools.scrub(options, progress, signal);
    }),
  );
}
