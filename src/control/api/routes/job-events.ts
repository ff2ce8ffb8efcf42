import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import type { Job, JobEvent } from "../../../shared/domain/index.ts";
import { type EventsQuery, EventsQuerySchema, JobEventListSchema, type JobParams, JobParamsSchema } from "../../../shared/wire/index.ts";
import { followEvents, type JobStore } from "../../jobs/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";
import type { Followers } from "../streams/followers.ts";
import { patientJobs } from "../streams/patient-jobs.ts";
import { sendStream } from "../streams/send-stream.ts";
import { findJob, hasNoRow } from "./find-job.ts";

const NDJSON = "application/x-ndjson";

/** GET /v1/jobs/ID/events. @throws BerthError job_not_found; rate_limited when too many are followed already */
export function jobEvents(app: FastifyInstance, deps: ApiDeps, followers: Followers): void {
  app.get<{ Params: JobParams; Querystring: EventsQuery }>(
    "/v1/jobs/:id/events",
    route({
      access: "user",
      tag: "jobs",
      operationId: "getJobEvents",
      summary: "A job's history",
      description: "follow=true, or Accept: application/x-ndjson, gives an event a line; a followed history ends with the job.",
      params: JobParamsSchema,
      querystring: EventsQuerySchema,
      response: { 200: { "application/json": JobEventListSchema, [NDJSON]: Type.Ref("JobEvent#") } },
      stream: true,
    }),
    async (request, reply) => {
      const job = await findJob(deps.stores, request.params.id);
      const follow = request.query.follow === true;
      if (!follow && !request.headers.accept?.includes(NDJSON)) return { items: await eventsOf(deps, job) };
      const events = follow ? followed(deps, job.id, followers.enter(reply)) : await eventsOf(deps, job);
      return sendStream(reply, NDJSON, lines(events));
    },
  );
}

function followed({ stores, clock }: ApiDeps, jobId: string, signal: AbortSignal): AsyncIterable<JobEvent> {
  return followEvents(patientJobs(stores.jobs, clock, signal), jobId, null, signal);
}

/** A task without a row has no history. */
async function eventsOf({ stores }: ApiDeps, job: Job): Promise<JobEvent[]> {
  return hasNoRow(job) ? [] : allEvents(stores.jobs, job.id);
}

async function allEvents(jobs: JobStore, jobId: string): Promise<JobEvent[]> {
  const all: JobEvent[] = [];
  for (;;) {
    const page = await jobs.events(jobId, all.at(-1)?.id ?? null);
    if (page.length === 0) return all;
    all.push(...page);
  }
}

async function* lines(events: AsyncIterable<JobEvent> | Iterable<JobEvent>): AsyncGenerator<string> {
  for await (const event of events) yield `${JSON.stringify(event)}\n`;
}
