import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { type Job, nameOfJobId } from "../../../shared/domain/index.ts";
import { type ExplanationView, type JobParams, JobParamsSchema } from "../../../shared/wire/index.ts";
import { currentSnapshot, nextTask } from "../../jobs/index.ts";
import { explainJob } from "../../scheduler/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";
import { findJob } from "./find-job.ts";

/** As many as a scheduling pass looks at. */
export const PENDING_READ = 5000;

/** The proof is made anew at every request, by the same decision as the scheduler's: nothing is remembered or changed. */
export function explain(app: FastifyInstance, deps: ApiDeps): void {
  app.get<{ Params: JobParams }>(
    "/v1/jobs/:id/explain",
    route({
      access: "user",
      tag: "jobs",
      operationId: "explainJob",
      summary: "Why a job waits, node by node, and what would start it now",
      params: JobParamsSchema,
      response: { 200: Type.Ref("Explanation#") },
    }),
    async (request): Promise<ExplanationView> => {
      const asked = await findJob(deps.stores, request.params.id);
      const job = asked.array === undefined ? asked : ((await nextTask(deps.stores.arrays, asked)) ?? asked);
      if (job.state !== "pending") return notPending(job);
      const now = deps.clock.now();
      const { queueing, movesPerHour, placement } = deps;
      const snapshot = await currentSnapshot(deps.stores, job, { mostPending: PENDING_READ, now, queueing, movesPerHour, placement });
      const explanation = explainJob(deps.decide, snapshot, now, job.id);
      return explanation === null ? notPending(job) : { ...explanation, jobId: nameOfJobId(job), state: job.state };
    },
  );
}

function notPending(job: Job): ExplanationView {
  const assignments = job.attempt?.assignments ?? null;
  return {
    jobId: nameOfJobId(job),
    state: job.state,
    assignments,
    reason: null,
    proof: null,
    nodes: 0,
    roomForReplicas: 0,
    blocked: [],
    start: null,
    startUnknown: null,
    changes: [],
  };
}
