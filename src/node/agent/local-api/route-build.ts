import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { BerthError } from "../../../shared/domain/index.ts";
import { bodyStream } from "./body-stream.ts";
import type { LocalApiPort } from "./port.ts";
import { answerWithProgress } from "./progress-stream.ts";

const Query = Type.Object({
  tag: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 512 }), { maxItems: 100 })),
  dockerfile: Type.Optional(Type.String({ minLength: 1, maxLength: 4096, default: "Dockerfile" })),
  target: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  buildArg: Type.Optional(Type.Array(Type.String({ maxLength: 128 * 1024 }), { maxItems: 1000 })),
  noCache: Type.Optional(Type.Boolean({ default: false })),
});

/** POST /v1/build: the context as a tar body, everything else in the query. */
export function buildRoute(app: FastifyInstance, { build, heavy, log }: LocalApiPort): void {
  app.post<{ Querystring: Static<typeof Query> }>("/v1/build", { schema: { querystring: Query } }, (request, reply) => {
    const { tag = [], dockerfile = "Dockerfile", target = null, buildArg = [], noCache = false } = request.query;
    const call = { tags: tag, dockerfile, target, buildArgs: readBuildArgs(buildArg), noCache, context: bodyStream(request) };
    return answerWithProgress(reply, log, (progress, signal) => heavy.use(() => build(call, progress, signal), signal));
  });
}

/** ["K=V"] -> {K: "V"}. @throws BerthError invalid_request */
function readBuildArgs(pairs: string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/.exec(pair) ?? [];
      if (name === undefined || value === undefined)
        throw new BerthError("invalid_request", `build argument ${JSON.stringify(pair)} is not NAME=VALUE`);
      return [name, value];
    }),
  );
}
