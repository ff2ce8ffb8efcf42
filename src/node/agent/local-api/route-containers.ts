import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { applyChanges } from "../../build/index.ts";
import { findContainer } from "./find-container.ts";
import type { LocalApiPort } from "./port.ts";
import { answerWithProgress, disconnectSignal } from "./progress-stream.ts";

const Name = Type.String({ minLength: 1, maxLength: 128 });
const Rank = Type.Integer({ minimum: 0, maximum: 100_000, default: 0 });
const Query = Type.Object({ container: Name, rank: Type.Optional(Rank) });
const CommitBody = Type.Object(
  {
    container: Name,
    rank: Type.Optional(Rank),
    reference: Type.String({ minLength: 1, maxLength: 512 }),
    changes: Type.Optional(Type.Array(Type.String({ maxLength: 65_536 }), { maxItems: 1000 })),
    author: Type.Optional(Type.String({ maxLength: 1024 })),
    message: Type.Optional(Type.String({ maxLength: 65_536 })),
  },
  { additionalProperties: false },
);

/** A container's files: what changed, all of them as a tar, or as an image. */
export function containersRoute(app: FastifyInstance, { imageTools, engine, log }: LocalApiPort): void {
  app.get<{ Querystring: Static<typeof Query> }>("/v1/containers/diff", { schema: { querystring: Query } }, async ({ query }) => ({
    items: await imageTools.diffContainer(findContainer(engine, query.container, query.rank ?? 0)),
  }));
  app.get<{ Querystring: Static<typeof Query> }>("/v1/containers/export", { schema: { querystring: Query } }, async ({ query }, reply) => {
    const tar = await imageTools.exportContainer(findContainer(engine, query.container, query.rank ?? 0), disconnectSignal(reply));
    return reply.type("application/x-tar").send(tar);
  });
  app.post<{ Body: Static<typeof CommitBody> }>("/v1/containers/commit", { schema: { body: CommitBody } }, ({ body }, reply) =>
    answerWithProgress(reply, log, async (progress, signal) => {
      const container = findContainer(engine, body.container, body.rank ?? 0);
      const { reference, changes = [], author = null, message = null } = body;
      progress({ step: "commit", detail: container.id });
      const change = (config: Parameters<typeof applyChanges>[0]) => applyChanges(config, changes);
      return imageTools.commitContainer(container, { reference, author, message, change }, signal);
    }),
  );
}
