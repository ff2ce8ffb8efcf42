import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { BerthError, type JobSpec } from "../../../shared/domain/index.ts";
import { type IdempotencyHeaders, IdempotencyHeadersSchema, type JobSpecInput, resolveJobSpec } from "../../../shared/wire/index.ts";
import { neverFits } from "../../jobs/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { userOf } from "../auth/identity.ts";
import { acceptYaml } from "../http/job-body.ts";
import { route } from "../http/route-schema.ts";
import { refuseLargeArray } from "./refuse-large-array.ts";

/** Answers when the job is durable. 201 for a new job, 200 when the Idempotency-Key had made it before. */
export function submitJob(scope: FastifyInstance, deps: ApiDeps): void {
  acceptYaml(scope);
  scope.post<{ Body: JobSpecInput; Headers: IdempotencyHeaders }>(
    "/v1/jobs",
    route({
      access: "user",
      tag: "jobs",
      operationId: "submitJob",
      summary: "Submit a job",
      description: "JSON or YAML. With an Idempotency-Key a repeated request gives the same job again (200) instead of a second one.",
      consumes: ["application/json", "application/yaml"],
      headers: IdempotencyHeadersSchema,
      body: Type.Ref("JobSpec#"),
      specBody: true,
      response: { 200: Type.Ref("Job#"), 201: Type.Ref("Job#") },
    }),
    async (request, reply) => {
      const spec = resolveJobSpec(request.body);
      refuseLargeArray(spec, deps.maxArrayTasks);
      await refuseImpossible(deps, spec);
      const submission = {
        spec,
        user: userOf(request.identity),
        idempotencyKey: request.headers["idempotency-key"] ?? null,
      };
      const { job, replayed } = await deps.stores.jobs.submit(submission, deps.clock.now());
      if (replayed) return reply.code(200).header("idempotency-replayed", "true").send(job);
      deps.lookUpImage?.(job);
      void deps.queues.wakeScheduler(`job ${job.id} submitted`);
      request.log.info({ job: job.id, user: job.user }, "job submitted");
      return reply.code(201).header("location", `/v1/jobs/${job.id}`).send(job);
    },
  );
}

/** Where the operator has it so. @throws BerthError invalid_job_spec */
async function refuseImpossible({ neverFits: wish, stores, decide, clock }: ApiDeps, spec: JobSpec): Promise<void> {
  const why = wish === "refuse" ? await neverFits(stores.nodes, decide, spec, clock.now()) : null;
  if (why !== null) throw new BerthError("invalid_job_spec", `no node could ever run it: ${why}`);
}
