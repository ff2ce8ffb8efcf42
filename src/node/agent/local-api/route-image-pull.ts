import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import type { LocalApiPort } from "./port.ts";
import { answerWithProgress } from "./progress-stream.ts";

/** The caller's own login; without one the agent's is used. */
const CredentialSchema = Type.Union([
  Type.Object({ kind: Type.Literal("password"), username: Type.String({ maxLength: 1024 }), password: Type.String({ maxLength: 65_536 }) }),
  Type.Object({ kind: Type.Literal("identity-token"), token: Type.String({ maxLength: 65_536 }) }),
]);

const Reference = Type.String({ minLength: 1, maxLength: 512 });
const Credential = Type.Optional(CredentialSchema);
const PullBody = Type.Object(
  { reference: Reference, platform: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })), credential: Credential },
  { additionalProperties: false },
);
const PushBody = Type.Object({ reference: Reference, credential: Credential }, { additionalProperties: false });

/** POST /v1/images/pull and /push: to and from the registry of the reference. */
export function imagePullRoute(app: FastifyInstance, { images, registries, log }: LocalApiPort): void {
  app.post<{ Body: Static<typeof PullBody> }>("/v1/images/pull", { schema: { body: PullBody } }, ({ body }, reply) =>
    answerWithProgress(reply, log, async (progress, signal) => {
      const { reference, platform = null, credential = null } = body;
      const client = await registries.clientFor(reference, credential);
      return images.pull({ reference, platform, client }, progress, signal);
    }),
  );
  app.post<{ Body: Static<typeof PushBody> }>("/v1/images/push", { schema: { body: PushBody } }, ({ body }, reply) =>
    answerWithProgress(reply, log, async (progress, signal) => {
      const { reference, credential = null } = body;
      const client = await registries.clientFor(reference, credential);
      return images.push({ reference, client }, progress, signal);
    }),
  );
}
