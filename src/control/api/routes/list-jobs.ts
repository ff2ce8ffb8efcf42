import type { FastifyInstance } from "fastify";
import { BerthError, type JobState } from "../../../shared/domain/index.ts";
import { JobListSchema, type JobQuery, JobQuerySchema } from "../../../shared/wire/index.ts";
import type { JobFilter } from "../../jobs/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";

const PAGE = 100;
const STATES: readonly string[] = ["pending", "starting", "running", "stopping", "succeeded", "failed", "cancelled"] satisfies JobState[];

/** GET /v1/jobs, a page at a time. @throws BerthError invalid_request for a state that is none */
export function listJobs(app: FastifyInstance, deps: ApiDeps): void {
  app.get<{ Querystring: JobQuery }>(
    "/v1/jobs",
    route({
      access: "user",
      tag: "jobs",
      operationId: "listJobs",
      summary: "Jobs, newest first",
      description:
        "Of an array's tasks only those that hold a place, unless tasks or array says otherwise: its own job stands for the rest. A page may hold fewer jobs than the limit and still have a nextCursor: go on until it is null.",
      querystring: JobQuerySchema,
      response: { 200: JobListSchema },
    }),
    async (request) =>
      deps.stores.jobs.list(filterOf(request.query), { limit: request.query.limit ?? PAGE, cursor: request.query.cursor ?? null }),
  );
}

function filterOf(query: JobQuery): JobFilter {
  const states = statesOf(query.state ?? []);
  return {
    ...(states.length === 0 ? {} : { states }),
    ...(query.project === undefined ? {} : { project: query.project }),
    ...(query.name === undefined ? {} : { name: query.name }),
    ...(query.user === undefined ? {} : { user: query.user }),
    ...(query.array === undefined ? { tasks: query.tasks === true } : { array: query.array }),
    ...(query.label === undefined ? {} : { labels: labelsOf(query.label) }),
  };
}

/** ["running,pending", "failed"] -> ["running", "pending", "failed"]. */
function statesOf(written: string[]): JobState[] {
  const states = written.flatMap((text) => text.split(",")).filter((text) => text !== "");
  const unknown = states.find((state) => !STATES.includes(state));
  if (unknown !== undefined) {
    throw new BerthError("invalid_request", `/query/state: ${JSON.stringify(unknown)} is not one of ${STATES.join(", ")}`, {
      field: "/query/state",
    });
  }
  return states as JobState[];
}

function labelsOf(written: string[]): Record<string, string> {
  return Object.fromEntries(
    written.map((text): [string, string] => {
      const equals = text.indexOf("=");
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}
