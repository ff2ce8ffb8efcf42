import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { type JobParams, JobParamsSchema } from "../../../shared/wire/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";
import { findJob } from "./find-job.ts";

/** GET /v1/jobs/ID, "81_3" for a task. @throws BerthError job_not_found */
export function getJob(app: FastifyInstance, deps: ApiDeps): void {
  app.get<{ Params: JobParams }>(
    "/v1/jobs/:id",
    route({
      access: "user",
      tag: "jobs",
      operationId: "getJob",
      summary: "One job, by id or as the newest of a name",
      params: JobParamsSchema,
      response: { 200: Type.Ref("Job#") },
    }),
    async (request) => findJob(deps.stores, request.params.id),
  );
}
