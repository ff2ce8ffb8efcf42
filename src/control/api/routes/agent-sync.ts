import type { FastifyInstance } from "fastify";
import { BerthError } from "../../../shared/domain/index.ts";
import { AGENT_PROTOCOL_VERSION, type SyncRequest, SyncRequestSchema, SyncResponseSchema } from "../../../shared/wire/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";
import { createLogLifecycle } from "../logs/log-lifecycle.ts";
import { nodeOf } from "./node-of.ts";

/** A node's facts and the reports of all its replicas. */
const BODY_LIMIT = 4 * 1024 * 1024;

/**
 * POST /agent/v1/sync, the one way by which nodes tell and learn.
 * @throws BerthError forbidden for another node's name, invalid_request for another protocol, and what NodeSync refuses
 */
export function agentSync(app: FastifyInstance, deps: ApiDeps): void {
  const logs = createLogLifecycle(deps.logs);
  app.post<{ Body: SyncRequest }>(
    "/agent/v1/sync",
    {
      ...route({
        access: "node",
        tag: "agent",
        operationId: "syncNode",
        summary: "Report everything, learn what to run",
        body: SyncRequestSchema,
        response: { 200: SyncResponseSchema },
      }),
      bodyLimit: BODY_LIMIT,
    },
    async (request) => {
      const { body } = request;
      refuseForeign(nodeOf(request), body);
      // Before the reports count: a job that is seen to have ended must have its log on disk.
      await logs.beforeReports(body);
      const answer = await deps.sync.sync(body);
      await logs.afterSync(body, answer);
      return answer;
    },
  );
}

/** A node speaks for itself only. */
function refuseForeign(nodeId: string, body: SyncRequest): void {
  if (body.nodeId !== nodeId) {
    throw new BerthError("forbidden", `node ${nodeId} cannot report for node ${JSON.stringify(body.nodeId)}`, { field: "/nodeId" });
  }
  if (body.protocol !== AGENT_PROTOCOL_VERSION) {
    throw new BerthError(
      "invalid_request",
      `the agent speaks protocol ${body.protocol}, this control plane ${AGENT_PROTOCOL_VERSION}: install the same version`,
      {
        field: "/protocol",
      },
    );
  }
}
