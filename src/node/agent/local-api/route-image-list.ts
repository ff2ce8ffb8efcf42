import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import type { LocalApiPort } from "./port.ts";

const Reference = Type.String({ minLength: 1, maxLength: 512 });
const ByReference = Type.Object({ ref: Reference });
const TagBody = Type.Object({ source: Reference, reference: Reference }, { additionalProperties: false });

/** What needs no progress: list, inspect, remove, tag, prune. */
export function imageListRoute(app: FastifyInstance, { images, engine }: LocalApiPort): void {
  app.get("/v1/images", async () => ({ items: await images.list() }));
  app.get<{ Querystring: Static<typeof ByReference> }>("/v1/images/inspect", { schema: { querystring: ByReference } }, (request) =>
    images.get(request.query.ref),
  );
  app.delete<{ Querystring: Static<typeof ByReference> }>("/v1/images", { schema: { querystring: ByReference } }, (request) =>
    images.remove(request.query.ref),
  );
  app.post<{ Body: Static<typeof TagBody> }>("/v1/images/tag", { schema: { body: TagBody } }, (request) =>
    images.tag(request.body.source, request.body.reference),
  );
  app.post("/v1/images/prune", async () => images.prune(await inUse({ images, engine })));
}

/** Digests and chain IDs that containers hold, ended ones too: their logs and files are still wanted. */
async function inUse({ images, engine }: Pick<LocalApiPort, "images" | "engine">): Promise<Set<string>> {
  const held = new Set(engine.list().map((container) => container.imageDigest));
  const all = await images.list();
  const chains = all.filter((image) => held.has(image.digest)).flatMap((image) => image.chainIds);
  return new Set([...held, ...chains]);
}
