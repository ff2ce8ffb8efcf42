import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { BerthError, type Job, type JobState, nameOfJobId } from "../../../shared/domain/index.ts";
import {
  type ProjectInput,
  ProjectInputSchema,
  ProjectListSchema,
  type ProjectParams,
  ProjectParamsSchema,
  type ProjectView,
} from "../../../shared/wire/index.ts";
import { checkProject, type JobPage, type ProjectSettings } from "../../jobs/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";

const params = ProjectParamsSchema;
const response = { 200: Type.Ref("Project#") };

/** Projects are the operator's: their shares, quotas and limits decide who waits. */
export function projects(app: FastifyInstance, deps: ApiDeps): void {
  const store = deps.stores.projects;
  const views = async (): Promise<ProjectView[]> => {
    const [settings, usages] = await Promise.all([store.list(), store.usages()]);
    return settings.map((project) => ({ ...project, usage: usages.get(project.name)?.value ?? 0 }));
  };
  const find = async (name: string) => {
    const project = (await views()).find((one) => one.name === name);
    if (project === undefined) throw new BerthError("project_not_found", `no project ${JSON.stringify(name)}`);
    return project;
  };

  app.get(
    "/v1/projects",
    route({
      access: "user",
      tag: "projects",
      operationId: "listProjects",
      summary: "Projects, their shares, quotas, limits and use",
      response: { 200: ProjectListSchema },
    }),
    async () => ({ items: await views() }),
  );
  app.get<{ Params: ProjectParams }>(
    "/v1/projects/:name",
    route({ access: "user", tag: "projects", operationId: "getProject", summary: "One project", params, response }),
    async (request) => find(request.params.name),
  );
  app.put<{ Params: ProjectParams; Body: ProjectInput }>(
    "/v1/projects/:name",
    route({
      access: "operator",
      tag: "projects",
      operationId: "setProject",
      summary: "Make a project or replace its settings",
      params,
      body: ProjectInputSchema,
      response,
    }),
    async (request) => {
      const settings = settingsOf(request.params.name, request.body);
      checkProject(settings, await store.list());
      await store.put(settings);
      request.log.info({ project: settings }, "project set");
      void deps.queues.wakeScheduler("project-set");
      return find(settings.name);
    },
  );
  app.delete<{ Params: ProjectParams }>(
    "/v1/projects/:name",
    route({
      access: "operator",
      tag: "projects",
      operationId: "removeProject",
      summary: "Forget a project's settings; refused while it has jobs that have not ended, or projects below it",
      params,
      response: { 204: Type.Null() },
    }),
    async (request, reply) => {
      const { name } = request.params;
      const child = (await store.list()).find(({ parent }) => parent === name);
      if (child !== undefined) throw new BerthError("conflict", `project ${child.name} is below ${name}: move it first`);
      const live = await liveJobs(deps.stores.jobs, name);
      if (live.length > 0)
        throw new BerthError("conflict", `project ${name} has jobs that have not ended (${named(live)}): cancel them or wait`);
      if (!(await store.remove(name))) throw new BerthError("project_not_found", `no project ${JSON.stringify(name)}`);
      void deps.queues.wakeScheduler("project-removed");
      return reply.code(204).send();
    },
  );
}

function settingsOf(name: string, { weight = 1, parent = null, quota = {}, limits = {} }: ProjectInput): ProjectSettings {
  const { gpus = null, jobs = null, gpusPerUser = null, jobsPerUser = null } = limits;
  return { name, weight, parent, quotaGpus: quota.gpus ?? 0, limits: { gpus, jobs, gpusPerUser, jobsPerUser } };
}

const LIVE: readonly JobState[] = ["pending", "starting", "running", "stopping"];

/** A few that have not ended. One submitted at this very moment runs on without a quota, as under a project nobody set. */
async function liveJobs(jobs: ApiDeps["stores"]["jobs"], project: string): Promise<Job[]> {
  let cursor: string | null = null;
  do {
    const page: JobPage = await jobs.list({ project, states: LIVE }, { limit: NAMED + 1, cursor });
    if (page.items.length > 0) return page.items;
    cursor = page.nextCursor;
  } while (cursor !== null);
  return [];
}

const NAMED = 3;

function named(jobs: readonly Job[]): string {
  const ids = jobs.slice(0, NAMED).map((job) => `job ${nameOfJobId(job)}`);
  return jobs.length > NAMED ? `${ids.join(", ")} and more` : ids.join(", ");
}
