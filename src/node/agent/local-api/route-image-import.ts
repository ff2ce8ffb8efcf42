import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { applyChanges } from "../../build/index.ts";
import { bodyStream } from "./body-stream.ts";
import type { LocalApiPort } from "./port.ts";
import { answerWithProgress } from "./progress-stream.ts";

const Query = Type.Object({
  reference: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
  change: Type.Optional(Type.Array(Type.String({ maxLength: 65_536 }), { maxItems: 1000 })),
  message: Type.Optional(Type.String({ maxLength: 65_536 })),
});

/** POST /v1/images/import: a tar of files as the body, an image of one layer as the result. */
export function imageImportRoute(app: FastifyInstance, { imageTools, log }: LocalApiPort): void {
  app.post<{ Querystring: Static<typeof Query> }>("/v1/images/import", { schema: { querystring: Query } }, (request, reply) => {
    const { reference = null, change = [], message = null } = request.query;
    const tar = bodyStream(request);
    return answerWithProgress(reply, log, (_progress, signal) =>
      imageTools.import(tar, { reference, message, change: (config) => applyChanges(config, change) }, signal),
    );
  });
}
