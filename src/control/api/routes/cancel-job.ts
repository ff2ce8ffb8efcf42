import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import type { Job } from "../../../shared/domain/index.ts";
import { type JobParams, JobParamsSchema, type TaskSelection, TaskSelectionSchema } from "../../../shared/wire/index.ts";
import { applyChange, cancelTasks } from "../../jobs/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { userOf } from "../auth/identity.ts";
import { route } from "../http/route-schema.ts";
import { findJob } from "./find-job.ts";
import { meantTasks } from "./task-selection.ts";

/** Cancelling what has ended changes nothing: the answer then shows how it ended. */
export function cancelJob(app: FastifyInstance, deps: ApiDeps): void {
  app.post<{ Params: JobParams; Body: TaskSelection }>(
    "/v1/jobs/:id/cancel",
    {
      ...route({
        access: "user",
        tag: "jobs",
        operationId: "cancelJob",
        summary: "Cancel a job",
        description:
          "A pending job ends at once; a running one is stopped: SIGTERM, its grace, SIGKILL. Of an array all tasks, or those that are named.",
        params: JobParamsSchema,
        body: TaskSelectionSchema,
        response: { 202: Type.Ref("Job#") },
      }),
      preValidation: async (request) => {
        request.body ??= {};
      },
    },
    async (request, reply) => {
      const asked = await findJob(deps.stores, request.params.id);
      const { job, stopped } = await cancel(deps, asked, request.body, userOf(request.identity));
      const nodes = stopped.flatMap(({ attempt }) => attempt?.assignments.map(({ nodeId }) => nodeId) ?? []);
      for (const nodeId of new Set(nodes)) void deps.queues.nudgeNode(nodeId);
      void deps.queues.wakeScheduler(`job ${job.id} cancelled`);
      return reply.code(202).send(job);
    },
  );
}

async function cancel({ stores, clock }: ApiDeps, asked: Job, selection: TaskSelection, by: string): Promise<{ job: Job; stopped: Job[] }> {
  const now = clock.now();
  const tasks = meantTasks(asked, selection);
  if (tasks === null) {
    const job = await applyChange(stores.jobs, asked.id, { type: "cancel-requested", by }, now);
    return { job, stopped: [job] };
  }
  const { array, stopped } = await cancelTasks({ jobs: stores.jobs, arrays: stores.arrays, by, now }, tasks.arrayId, tasks.indexes);
  // Of one task the answer is that task.
  return { job: asked.task === undefined ? array : await findJob(stores, asked.id), stopped };
}
