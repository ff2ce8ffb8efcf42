import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { BerthError } from "../../../shared/domain/index.ts";
import { type NodeParams, NodeParamsSchema } from "../../../shared/wire/index.ts";
import { patchControls } from "../../jobs/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";

/** Takes a node out of the cluster. Its credential and certificate are refused from then on; joining again needs a new token. */
export function removeNode(app: FastifyInstance, deps: ApiDeps): void {
  app.delete<{ Params: NodeParams }>(
    "/v1/nodes/:id",
    route({
      access: "operator",
      tag: "nodes",
      operationId: "removeNode",
      summary: "Forget a node that no job is on",
      params: NodeParamsSchema,
      response: { 204: Type.Null() },
    }),
    async (request, reply) => {
      const { id } = request.params;
      await refuseBusy(deps, id);
      // Nothing is placed there between the last look and the end; one that never synced has no controls.
      if ((await deps.stores.nodes.get(id)) !== null) {
        await deps.stores.nodes.control(id, (controls) => patchControls(controls, { cordoned: true }));
        await refuseBusy(deps, id);
      }
      await deps.stores.nodes.remove(id);
      void deps.queues.wakeScheduler(`${id} was removed`);
      request.log.info({ node: id }, "node removed");
      return reply.code(204).send();
    },
  );
}

async function refuseBusy(deps: ApiDeps, id: string): Promise<void> {
  const [first] = await deps.stores.jobs.onNode(id);
  if (first !== undefined)
    throw new BerthError("conflict", `job ${first.id} is on node ${id}: drain the node, or cancel its jobs, and remove it then`);
}
