import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { BerthError, type NodeRecord } from "../../../shared/domain/index.ts";
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
      refuseAgentsLabels(await deps.stores.nodes.get(id), request.body);
      const record = await deps.stores.nodes.control(id, (controls) => patchControls(controls, request.body));
      await evict(deps, id, request.body);
      void deps.queues.wakeScheduler(`${id} was changed by an operator`);
      request.log.info({ node: id, patch: request.body }, "node changed");
      const { node, allocated } = nodeUse(record, await deps.stores.jobs.onNode(id));
      return { ...node, allocated };
    },
  );
}

/** A label that the agent brings stays whatever is stored here: taking it away would be answered with yes and change nothing. */
function refuseAgentsLabels(node: NodeRecord | null, { labels = {} }: NodePatch): void {
  const key = Object.keys(labels).find(
    (name) => labels[name] === null && node?.facts?.labels?.[name] !== undefined && node.controls?.labels[name] === undefined,
  );
  if (key === undefined) return;
  const written = `${key}=${node?.facts?.labels?.[key]}`;
  throw new BerthError("conflict", `label ${written} comes from the agent: start it with another --label, or set another value here`);
}

/** After the node takes nothing new: what stops here must not come back. */
async function evict({ stores, queues, clock }: ApiDeps, nodeId: string, { evict: asked }: NodePatch): Promise<void> {
  if (asked !== true) return;
  const stopped = await evictJobs(stores.jobs, nodeId, `node ${nodeId} is drained`, clock.now());
  const nodes = stopped.flatMap(({ attempt }) => attempt?.assignments.map((assignment) => assignment.nodeId) ?? []);
  for (const node of new Set(nodes)) void queues.nudgeNode(node);
}
