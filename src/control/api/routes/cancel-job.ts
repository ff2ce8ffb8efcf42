import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { type JobParams, JobParamsSchema } from "../../../shared/wire/index.ts";
import { applyChange } from "../../jobs/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { userOf } from "../auth/identity.ts";
import { route } from "../http/route-schema.ts";
import { findJob } from "./find-job.ts";

/** Cancelling what has ended changes nothing: the answer then shows how it ended. */
export function cancelJob(app: FastifyInstance, deps: ApiDeps): void {
  app.post<{ Params: JobParams }>(
    "/v1/jobs/:id/cancel",
    {
      ...route({
        access: "user",
        tag: "jobs",
        operationId: "cancelJob",
        summary: "Cancel a job",
        description: "A pending job ends at once; a running one is stopped: SIGTERM, its grace, SIGKILL.",
        params: JobParamsSchema,
        body: Type.Object({}, { additionalProperties: false }),
        response: { 202: Type.Ref("Job#") },
      }),
      preValidation: async (request) => {
        request.body ??= {};
      },
    },
    async (request, reply) => {
      const { id } = await findJob(deps.stores.jobs, request.params.id);
      const job = await applyChange(deps.stores.jobs, id, { type: "cancel-requested", by: userOf(request.identity) }, deps.clock.now());
      for (const nodeId of new Set(job.attempt?.assignments.map((assignment) => assignment.nodeId))) void deps.queues.nudgeNode(nodeId);
      void deps.queues.wakeScheduler(`job ${id} cancelled`);
      return reply.code(202).send(job);
    },
  );
}
