import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { TrustRuleSchema } from "../../images/index.ts";
import type { LocalApiPort } from "./port.ts";
import { disconnectSignal } from "./progress-stream.ts";

/** Null is the rule for what no prefix names. */
const Prefix = Type.Union([Type.String({ minLength: 1, maxLength: 255 }), Type.Null()]);
/** A rule of null takes it away. */
const RuleBody = Type.Object({ prefix: Prefix, rule: Type.Union([TrustRuleSchema, Type.Null()]) }, { additionalProperties: false });
const CheckQuery = Type.Object({ ref: Type.String({ minLength: 1, maxLength: 512 }) });

/** The trust policy: seen, changed, and asked about an image that is here. */
export function imageTrustRoute(app: FastifyInstance, { images, trust }: LocalApiPort): void {
  app.get("/v1/trust", async () => ({ path: trust.policy.path, policy: await trust.policy.read() }));
  app.put<{ Body: Static<typeof RuleBody> }>("/v1/trust/rule", { schema: { body: RuleBody } }, async ({ body }) => ({
    path: trust.policy.path,
    policy: await trust.policy.change(body.prefix, body.rule),
  }));
  app.get<{ Querystring: Static<typeof CheckQuery> }>(
    "/v1/trust/check",
    { schema: { querystring: CheckQuery } },
    async (request, reply) => {
      const { ref } = request.query;
      const image = await images.get(ref);
      const { prefix, rule, signed } = await trust.admitImage(ref, image, disconnectSignal(reply));
      return { digest: image.digest, prefix, rule: typeof rule === "string" ? rule : "signed", signed };
    },
  );
}
