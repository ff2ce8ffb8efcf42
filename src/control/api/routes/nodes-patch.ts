import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { BerthError } from "../../../shared/domain/index.ts";
import { type NodeParams, NodeParamsSchema, type NodePatch, NodePatchSchema } from "../../../shared/wire/index.ts";
import { evictJobs, patchControls } from "../../jobs/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";
import { nodeUse } from "../node-use.ts";

/** Cordon, drain, label, taint or release a node. What runs there goes on, unless it is evicted. */
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
      if (request.body.evict === true && request.body.draining !== true)
        throw new BerthError("invalid_request", "/evict: only a draining node is emptied", { field: "/evict" });
      const record = await deps.stores.nodes.control(id, (controls) => patchControls(controls, request.body));
      await evict(deps, id, request.body);
      void deps.queues.wakeScheduler(`${id} was changed by an operator`);
      request.log.info({ node: id, patch: request.body }, "node changed");
      const { node, allocated } = nodeUse(record, await deps.stores.jobs.onNode(id));
      return { ...node, allocated };
    },
  );
}

/** After the node takes nothing new: what stops here must not come back. */
async function evict({ stores, queues, clock }: ApiDeps, nodeId: string, { evict: asked }: NodePatch): Promise<void> {
  if (asked !== true) return;
  const stopped = await evictJobs(stores.jobs, nodeId, `node ${nodeId} is drained`, clock.now());
  const nodes = stopped.flatMap(({ attempt }) => attempt?.assignments.map((assignment) => assignment.nodeId) ?? []);
  for (const node of new Set(nodes)) void queues.nudgeNode(node);
}
