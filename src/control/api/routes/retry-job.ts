import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { BerthError, type Job } from "../../../shared/domain/index.ts";
import {
  type IdempotencyHeaders,
  IdempotencyHeadersSchema,
  type JobParams,
  JobParamsSchema,
  type TaskSelection,
  TaskSelectionSchema,
} from "../../../shared/wire/index.ts";
import { retryArray } from "../../jobs/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { userOf } from "../auth/identity.ts";
import { route } from "../http/route-schema.ts";
import { findJob } from "./find-job.ts";
import { meantTasks } from "./task-selection.ts";

/** An ended job stays as it ended: a new one of the same spec is made. Tasks of an array run again under their own index. */
export function retryJob(app: FastifyInstance, deps: ApiDeps): void {
  app.post<{ Params: JobParams; Body: TaskSelection; Headers: IdempotencyHeaders }>(
    "/v1/jobs/:id/retry",
    {
      ...route({
        access: "user",
        tag: "jobs",
        operationId: "retryJob",
        summary: "Run a failed or cancelled job again",
        description:
          "Answers with the new job, or with the array: its failed tasks, or the failed and cancelled ones among those named, wait again.",
        params: JobParamsSchema,
        headers: IdempotencyHeadersSchema,
        body: TaskSelectionSchema,
        response: { 200: Type.Ref("Job#"), 201: Type.Ref("Job#"), 202: Type.Ref("Job#") },
      }),
      preValidation: async (request) => {
        request.body ??= {};
      },
    },
    async (request, reply) => {
      const asked = await findJob(deps.stores, request.params.id);
      const by = userOf(request.identity);
      const tasks = meantTasks(asked, request.body, true);
      if (tasks !== null) {
        const { jobs, arrays } = deps.stores;
        const array = await retryArray({ jobs, arrays, by, now: deps.clock.now() }, tasks.arrayId, tasks.indexes);
        void deps.queues.wakeScheduler(`tasks of array ${array.id} wait again`);
        return reply.code(202).send(array);
      }
      refuseUnended(asked);
      const submission = { spec: asked.spec, user: by, idempotencyKey: request.headers["idempotency-key"] ?? null };
      const { job, replayed } = await deps.stores.jobs.submit(submission, deps.clock.now());
      if (replayed) return reply.code(200).header("idempotency-replayed", "true").send(job);
      void deps.queues.wakeScheduler(`job ${job.id} submitted`);
      return reply.code(201).header("location", `/v1/jobs/${job.id}`).send(job);
    },
  );
}

function refuseUnended({ id, state }: Job): void {
  if (state !== "failed" && state !== "cancelled")
    throw new BerthError("conflict", `job ${id} is ${state}: only a failed or cancelled job is run again`);
}
