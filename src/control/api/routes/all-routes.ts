import type { FastifyInstance } from "fastify";
import type { ApiDeps } from "../api-deps.ts";
import { createFollowers } from "../streams/followers.ts";
import { agentJoin } from "./agent-join.ts";
import { agentLogs } from "./agent-logs.ts";
import { agentSync } from "./agent-sync.ts";
import { agentWake } from "./agent-wake.ts";
import { cancelJob } from "./cancel-job.ts";
import { createToken } from "./create-token.ts";
import { explain } from "./explain.ts";
import { getJob } from "./get-job.ts";
import { health } from "./health.ts";
import { jobEvents } from "./job-events.ts";
import { jobLogs } from "./job-logs.ts";
import { jobSchema } from "./job-schema.ts";
import { listJobs } from "./list-jobs.ts";
import { metrics } from "./metrics.ts";
import { nodes } from "./nodes.ts";
import { patchNode } from "./nodes-patch.ts";
import { plan } from "./plan.ts";
import { projects } from "./projects.ts";
import { reservations } from "./reservations.ts";
import { retryJob } from "./retry-job.ts";
import { submitJob } from "./submit-job.ts";
import { version } from "./version.ts";

const MOST_FOLLOWERS = 1000;

/** Every route but /openapi.json and /docs. */
export async function addRoutes(app: FastifyInstance, deps: ApiDeps): Promise<void> {
  const followers = createFollowers(deps.mostFollowers ?? MOST_FOLLOWERS, deps.stopping, (open) => deps.metrics.logFollowers.set(open));
  await app.register(async (scope) => submitJob(scope, deps));
  listJobs(app, deps);
  getJob(app, deps);
  cancelJob(app, deps);
  retryJob(app, deps);
  jobLogs(app, deps, followers);
  jobEvents(app, deps, followers);
  explain(app, deps);
  await app.register(async (scope) => plan(scope, deps));
  nodes(app, deps);
  patchNode(app, deps);
  projects(app, deps);
  reservations(app, deps);
  createToken(app, deps);
  version(app, deps);
  health(app, deps);
  metrics(app, deps);
  jobSchema(app);
  agentJoin(app, deps);
  agentSync(app, deps);
  agentWake(app, deps);
  await app.register(async (scope) => agentLogs(scope, deps));
}
