import type { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { bodyStream } from "./body-stream.ts";
import type { LocalApiPort } from "./port.ts";
import { answerWithProgress } from "./progress-stream.ts";

/** POST /v1/images/load: an oci-archive or docker-archive tar as the body. */
export function imageLoadRoute(app: FastifyInstance, { images, log }: LocalApiPort): void {
  app.post("/v1/images/load", (request, reply) => {
    const archive: Readable = bodyStream(request);
    return answerWithProgress(reply, log, (progress, signal) => images.load(archive, progress, signal));
  });
}
