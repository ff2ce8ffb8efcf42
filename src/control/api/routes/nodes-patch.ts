import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { type NodeParams, NodeParamsSchema, type NodePatch, NodePatchSchema } from "../../../shared/wire/index.ts";
import { patchControls } from "../../jobs/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";
import { nodeUse } from "../node-use.ts";

/** Cordon, drain, label, taint or release a node. What runs there goes on. */
export function patchNode(app: FastifyInstance, deps: ApiDeps): void {
  app.patch<{ Params: NodeParams; Body: NodePatch }>(
    "/v1/nodes/:id",
    route({
      access: "operator",
      tag: "nodes",
      operationId: "patchNode",
      summary: "Cordon, drain, label, taint or release a node",
      description: "Only what is named changes. It survives the node's syncs, restarts and loss.",
      params: NodeParamsSchema,
      body: NodePatchSchema,
      response: { 200: Type.Ref("Node#") },
    }),
    async (request) => {
      const { id } = request.params;
      const record = await deps.stores.nodes.control(id, (controls) => patchControls(controls, request.body));
      void deps.queues.wakeScheduler(`${id} was changed by an operator`);
      request.log.info({ node: id, patch: request.body }, "node changed");
      const { node, allocated } = nodeUse(record, await deps.stores.jobs.onNode(id));
      return { ...node, allocated };
    },
  );
}
