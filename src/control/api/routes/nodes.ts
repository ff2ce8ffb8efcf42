import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { BerthError } from "../../../shared/domain/index.ts";
import { NodeListSchema, type NodeParams, NodeParamsSchema } from "../../../shared/wire/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";
import { nodeUse } from "../node-use.ts";

/**
 * GET /v1/nodes and /v1/nodes/ID, with what jobs hold of each as the rows say it, not as the node does.
 * @throws BerthError node_not_found
 */
export function nodes(app: FastifyInstance, deps: ApiDeps): void {
  app.get(
    "/v1/nodes",
    route({
      access: "user",
      tag: "nodes",
      operationId: "listNodes",
      summary: "Nodes, their GPUs and what jobs hold",
      response: { 200: NodeListSchema },
    }),
    async () => {
      const [records, { active }] = await Promise.all([deps.stores.nodes.list(), deps.stores.jobs.queue(1)]);
      return { items: records.map((record) => withAllocated(nodeUse(record, active))) };
    },
  );
  app.get<{ Params: NodeParams }>(
    "/v1/nodes/:id",
    route({
      access: "user",
      tag: "nodes",
      operationId: "getNode",
      summary: "One node",
      params: NodeParamsSchema,
      response: { 200: Type.Ref("Node#") },
    }),
    async (request) => {
      const { id } = request.params;
      const record = await deps.stores.nodes.get(id);
      if (record === null) throw new BerthError("node_not_found", `no node ${JSON.stringify(id)}`);
      return withAllocated(nodeUse(record, await deps.stores.jobs.onNode(id)));
    },
  );
}

function withAllocated({ node, allocated }: ReturnType<typeof nodeUse>) {
  return { ...node, allocated };
}
