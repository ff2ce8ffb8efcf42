import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { BerthError, type Job, parseDurationSeconds } from "../../../shared/domain/index.ts";
import { type JobParams, JobParamsSchema, type LogsQuery, LogsQuerySchema } from "../../../shared/wire/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";
import { renderNdjson, renderPlain } from "../logs/render-logs.ts";
import { type LogDeps, type LogRequest, streamJobLogs } from "../logs/stream-job-logs.ts";
import type { Followers } from "../streams/followers.ts";
import { patientJobs } from "../streams/patient-jobs.ts";
import { sendStream } from "../streams/send-stream.ts";
import { findJob } from "./find-job.ts";

const NDJSON = "application/x-ndjson";
const STOPPING_NOTE = "[berth: the control plane is stopping; follow again to go on]";

/**
 * GET /v1/jobs/ID/logs.
 * @throws BerthError job_not_found, logs_not_found, invalid_request for a rank or time that is none; rate_limited when too
 * many are followed already
 */
export function jobLogs(app: FastifyInstance, deps: ApiDeps, followers: Followers): void {
  app.get<{ Params: JobParams; Querystring: LogsQuery }>(
    "/v1/jobs/:id/logs",
    route({
      access: "user",
      tag: "jobs",
      operationId: "getJobLogs",
      summary: "What the job's containers wrote",
      description:
        "Plain text as the program wrote it, or a JSON object a line. A followed log ends when the job has ended and every byte was sent.",
      params: JobParamsSchema,
      querystring: LogsQuerySchema,
      response: { 200: { "text/plain": Type.String(), [NDJSON]: Type.Ref("LogEntry#") } },
      stream: true,
    }),
    async (request, reply) => {
      const job = await findJob(deps.stores, request.params.id);
      const wanted = requestOf(job, request.query, deps.clock.now());
      if (!wanted.follow) await refuseMissing(deps, job, wanted);
      const signal = followers.enter(reply);
      const pieces = streamJobLogs(logDeps(deps, signal), wanted, job, signal);
      const note = () => (wanted.follow && deps.stopping.aborted ? STOPPING_NOTE : null);
      if (request.headers.accept?.includes(NDJSON)) return sendStream(reply, NDJSON, renderNdjson(pieces, note));
      const ranks = job.spec.replicas > 1 && wanted.rank === null;
      const text = renderPlain(pieces, { timestamps: request.query.timestamps === true, ranks }, note);
      return sendStream(reply, "text/plain; charset=utf-8", text);
    },
  );
}

function logDeps({ logs, stores, clock }: ApiDeps, signal: AbortSignal): LogDeps {
  return { logs, jobs: patientJobs(stores.jobs, clock, signal), clock };
}

function requestOf(job: Job, query: LogsQuery, now: number): LogRequest {
  if (query.rank !== undefined && query.rank >= job.spec.replicas) {
    throw new BerthError(
      "invalid_request",
      `/query/rank: the job has ${job.spec.replicas} replicas, so ranks end at ${job.spec.replicas - 1}`,
      { field: "/query/rank" },
    );
  }
  if (query.epoch !== undefined && query.epoch > job.epoch) {
    throw new BerthError("logs_not_found", `job ${job.id} has had ${job.epoch} attempts, not ${query.epoch}`);
  }
  return {
    jobId: job.id,
    follow: query.follow === true,
    rank: query.rank ?? null,
    epoch: query.epoch ?? null,
    tail: query.tail ?? null,
    since: query.since === undefined ? null : sinceOf(query.since, now),
  };
}

/** "2026-01-02T03:04:05Z", or "10m" before now; milliseconds since the Unix epoch. */
function sinceOf(written: string, now: number): number {
  if (/^\d{4}-\d\d-\d\dT/.test(written)) {
    const time = Date.parse(written);
    if (!Number.isNaN(time)) return time;
  } else if (/^[\d:dhms-]+$/.test(written)) {
    return now - parseDurationSeconds(written) * 1000;
  }
  throw new BerthError(
    "invalid_request",
    `/query/since: ${JSON.stringify(written)} is neither a time (2026-01-02T03:04:05Z) nor a duration (10m)`,
    {
      field: "/query/since",
    },
  );
}

async function refuseMissing(deps: ApiDeps, job: Job, wanted: LogRequest): Promise<void> {
  const epoch = wanted.epoch ?? job.epoch;
  if (epoch > 0 && (await deps.logs.ranks(job.id, epoch)).length > 0) return;
  // Containers that ended without a word have an empty log; those that never started have none.
  if (job.startedAt !== null) return;
  throw new BerthError(
    "logs_not_found",
    `job ${job.id} has written nothing yet; it is ${job.state}${job.pendingReason ? `: ${job.pendingReason}` : ""}`,
  );
}
