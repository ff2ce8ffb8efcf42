import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { BerthError, isBerthError } from "../../../shared/domain/index.ts";
import { isDigest, normaliseReference } from "../../../shared/oci/index.ts";
import { inUse } from "./in-use.ts";
import type { LocalApiPort } from "./port.ts";

const Reference = Type.String({ minLength: 1, maxLength: 512 });
const ByReference = Type.Object({ ref: Reference });
const Removal = Type.Object({ ref: Reference, force: Type.Optional(Type.Boolean()) });
const TagBody = Type.Object({ source: Reference, reference: Reference }, { additionalProperties: false });

/** What needs no progress: list, inspect, remove, tag, prune. */
export function imageListRoute(app: FastifyInstance, { images, engine }: LocalApiPort): void {
  app.get("/v1/images", async () => ({ items: await images.list() }));
  app.get<{ Querystring: Static<typeof ByReference> }>("/v1/images/inspect", { schema: { querystring: ByReference } }, (request) =>
    images.get(request.query.ref),
  );
  app.delete<{ Querystring: Static<typeof Removal> }>("/v1/images", { schema: { querystring: Removal } }, async (request) => {
    const { ref, force = false } = request.query;
    await refuseInUse({ images, engine }, ref);
    const removed = await images.remove(ref, force);
    return { ...removed, freedBytes: removed.deleted.length === 0 ? 0 : await freed({ images, engine }) };
  });
  app.post<{ Body: Static<typeof TagBody> }>("/v1/images/tag", { schema: { body: TagBody } }, (request) =>
    images.tag(request.body.source, request.body.reference),
  );
  app.post("/v1/images/prune", async () => images.prune(await inUse({ images, engine })));
}

/**
 * A container stands on its image's layers: the last name stays as long as the container does.
 * @throws BerthError conflict
 */
async function refuseInUse({ images, engine }: Pick<LocalApiPort, "images" | "engine">, reference: string): Promise<void> {
  // One that cannot be read any more must be removable all the same.
  const image = await images.get(reference).catch((error: unknown) => {
    if (isBerthError(error)) return null;
    throw error;
  });
  const user = engine.list().find(({ imageDigest }) => imageDigest === image?.digest);
  if (image === null || user === undefined) return;
  const named = !isDigest(reference) && image.references.includes(normaliseReference(reference));
  if (named && image.references.length > 1) return;
  throw new BerthError("conflict", `the image ${JSON.stringify(reference)} is in use by the container ${user.id}`);
}

/** Frees what the removed image alone had; images without a name, which only `prune` removes, stay. */
async function freed({ images, engine }: Pick<LocalApiPort, "images" | "engine">): Promise<number> {
  const unnamed = (await images.list()).filter(({ references }) => references.length === 0);
  const { freedBytes } = await images.prune(new Set([...(await inUse({ images, engine })), ...unnamed.map(({ digest }) => digest)]));
  return freedBytes;
}
