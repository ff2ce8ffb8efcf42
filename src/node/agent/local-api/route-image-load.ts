import type { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { bodyStream } from "./body-stream.ts";
import type { LocalApiPort } from "./port.ts";
import { answerWithProgress } from "./progress-stream.ts";

const Query = Type.Object({ unpack: Type.Optional(Type.Boolean({ default: false })) });

/** POST /v1/images/load: an oci-archive or docker-archive tar as the body. */
export function imageLoadRoute(app: FastifyInstance, { images, log }: LocalApiPort): void {
  app.post<{ Querystring: Static<typeof Query> }>("/v1/images/load", { schema: { querystring: Query } }, (request, reply) => {
    const { unpack = false } = request.query;
    const archive: Readable = bodyStream(request);
    return answerWithProgress(reply, log, (progress, signal) => images.load(archive, progress, signal, { unpack }));
  });
}
