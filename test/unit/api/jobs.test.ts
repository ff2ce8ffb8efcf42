import { Ajv } from "ajv";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Job, JobEvent } from "../../../src/shared/domain/index.ts";
import { JobEventSchema, JobSchema, NodeSchema, type Problem, ProblemSchema } from "../../../src/shared/wire/index.ts";
import { SPEC, startTestApi, type TestApi } from "./api-under-test.ts";
import { syncRequest } from "./sync-request.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const get = async (url: string) => api.call({ url });
const fits = (schema: object, value: unknown) => {
  const validate = new Ajv({ strict: false }).compile(schema);
  return validate(value) ? true : validate.errors;
};

describe("listing jobs", () => {
  beforeAll(async () => {
    for (let index = 0; index < 25; index += 1) {
      await api.submit({
        ...SPEC,
        name: `job-${index % 5}`,
        project: index % 2 ? "odd" : "even",
        labels: { team: index % 3 ? "a" : "b=c" },
      });
    }
  });

  const all = async (query: string, limit: number) => {
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: Job[]; nextCursor: string | null } = (
        await get(`/v1/jobs?limit=${limit}${query}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`)
      ).json();
      expect(page.items.length).toBeLessThanOrEqual(limit);
      ids.push(...page.items.map((job) => job.id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    return ids;
  };

  it("gives every job once, newest first, whatever the page size", async () => {
    const whole = await all("", 1000);
    expect(whole.map(Number)).toEqual([...whole.map(Number)].sort((one, other) => other - one));
    for (const limit of [1, 7, 25]) expect(await all("", limit)).toEqual(whole);
  });

  it("is not disturbed by jobs submitted between two pages", async () => {
    const first = (await get("/v1/jobs?limit=5")).json<{ items: Job[]; nextCursor: string }>();
    await api.submit();
    const second = (await get(`/v1/jobs?limit=5&cursor=${first.nextCursor}`)).json<{ items: Job[] }>();
    const ids = [...first.items, ...second.items].map((job) => Number(job.id));
    expect(ids).toEqual(Array.from({ length: 10 }, (_, index) => Number(ids[0]) - index));
  });

  it("filters by name, project, user, state and labels together", async () => {
    const page = (await get("/v1/jobs?name=job-3&project=odd&user=admin&state=pending,running&state=failed&label=team=b%3Dc")).json<{
      items: Job[];
    }>();
    expect(page.items.length).toBeGreaterThan(0);
    for (const { spec } of page.items) expect(spec).toMatchObject({ name: "job-3", project: "odd", labels: { team: "b=c" } });
    expect((await get("/v1/jobs?state=succeeded")).json<{ items: Job[] }>().items).toEqual([]);
  });

  it.each([
    ["limit=0", "/query/limit"],
    ["limit=1e9", "/query/limit"],
    ["limit=ten", "/query/limit"],
    ["state=sleeping", "/query/state"],
    ["label=team", "/query/label/0"],
    ["nope=1", "/query/nope"],
    ["__proto__=1", "/query/__proto__"],
  ])("refuses ?%s and names it", async (query, field) => {
    const answer = await get(`/v1/jobs?${query}`);
    const problem = answer.json<Problem>();
    expect([answer.statusCode, problem.code, problem.errors?.[0]?.field]).toEqual([400, "invalid_request", field]);
  });

  it("refuses a cursor it did not make", async () => {
    expect((await get("/v1/jobs?cursor=AAAA")).json<Problem>().code).toBe("invalid_request");
  });
});

describe("one job", () => {
  it("is found by id, and by name as the newest of that name", async () => {
    const first = await api.submit({ ...SPEC, name: "twice" });
    const second = await api.submit({ ...SPEC, name: "twice" });
    expect((await get(`/v1/jobs/${first.id}`)).json<Job>().id).toBe(first.id);
    expect((await get("/v1/jobs/twice")).json<Job>().id).toBe(second.id);
  });

  it("that does not exist is job_not_found, for every route that names one", async () => {
    for (const [method, url] of [
      ["GET", "/v1/jobs/999999"],
      ["GET", "/v1/jobs/ghost/logs"],
      ["GET", "/v1/jobs/ghost/events"],
      ["POST", "/v1/jobs/ghost/cancel"],
    ] as const) {
      expect((await api.call({ method, url })).json<Problem>()).toMatchObject({ status: 404, code: "job_not_found", retryable: false });
    }
  });

  it("answers what the schemas promise, before, during and after its run", async () => {
    const { id } = await api.submit({ ...SPEC, env: { A: "1" }, volumes: { data: "/data" } });
    await api.joinNode("schema-node");
    expect(fits(JobSchema, (await get(`/v1/jobs/${id}`)).json())).toBe(true);
    await api.place(id, "schema-node");
    await api.report(id, 0, "schema-node", "running");
    expect(fits(JobSchema, (await get(`/v1/jobs/${id}`)).json())).toBe(true);
    await api.report(id, 0, "schema-node", "exited", 3);
    const job = (await get(`/v1/jobs/${id}`)).json<Job>();
    expect(fits(JobSchema, job)).toBe(true);
    expect(job).toMatchObject({ state: "failed", outcome: { exitCode: 3 } });
    const { items } = (await get(`/v1/jobs/${id}/events`)).json<{ items: JobEvent[] }>();
    expect(items.length).toBeGreaterThan(2);
    for (const event of items) expect(fits(JobEventSchema, event)).toBe(true);
    expect(fits(ProblemSchema, (await get("/v1/jobs/ghost")).json())).toBe(true);
  });
});

describe("cancelling", () => {
  it("ends a pending job at once", async () => {
    const { id } = await api.submit();
    const answer = await api.call({ method: "POST", url: `/v1/jobs/${id}/cancel`, payload: {} });
    expect([answer.statusCode, answer.json<Job>().state]).toEqual([202, "cancelled"]);
  });

  it("of a job that has ended changes nothing", async () => {
    const { id } = await api.submit();
    const first = (await api.call({ method: "POST", url: `/v1/jobs/${id}/cancel` })).json<Job>();
    const second = (await api.call({ method: "POST", url: `/v1/jobs/${id}/cancel` })).json<Job>();
    expect(second).toEqual(first);
  });

  it("nudges the nodes of a running job", async () => {
    const nudged: string[] = [];
    const other = await startTestApi({ queues: { wakeScheduler: async () => {}, nudgeNode: async (id) => void nudged.push(id) } });
    await other.joinNode("n1");
    const { id } = await other.submit();
    await other.place(id, "n1");
    const job = (await other.call({ method: "POST", url: `/v1/jobs/${id}/cancel` })).json<Job>();
    expect([job.state, nudged]).toEqual(["stopping", ["n1"]]);
    await other.close();
  });

  it("takes no options it does not know", async () => {
    const { id } = await api.submit();
    const answer = await api.call({ method: "POST", url: `/v1/jobs/${id}/cancel`, payload: { force: true } });
    expect(answer.json<Problem>().errors?.[0]?.field).toBe("/force");
  });
});

describe("events", () => {
  it("are followed to the end of the job", async () => {
    const { id } = await api.submit();
    const followed = api.call({ url: `/v1/jobs/${id}/events?follow=true` });
    await api.call({ method: "POST", url: `/v1/jobs/${id}/cancel` });
    const answer = await followed;
    expect(answer.headers["content-type"]).toContain("application/x-ndjson");
    const stored = (await get(`/v1/jobs/${id}/events`)).json<{ items: JobEvent[] }>().items;
    expect(
      answer.body
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(stored);
  });
});

describe("nodes", () => {
  it("show what jobs hold of them", async () => {
    const authorization = await api.joinNode("n1");
    await api.app.inject({ method: "POST", url: "/agent/v1/sync", headers: { authorization }, payload: syncRequest("n1") });
    const { id } = await api.submit({ ...SPEC, resources: { gpus: 1, cpus: 2, memory: "4Gi" } });
    const assignment = { rank: 0, nodeId: "n1", nodeAddress: "127.0.0.1", gpuUuids: ["GPU-1"] };
    const { applyChange } = await import("../../../src/control/jobs/index.ts");
    await applyChange(api.deps.stores.jobs, id, { type: "placed", assignments: [assignment] }, Date.now());
    const node = (await get("/v1/nodes/n1")).json();
    expect(node.allocated).toEqual({ gpuUuids: ["GPU-1"], cpuMillis: 2000, memoryBytes: 4 * 2 ** 30 });
    expect(fits(NodeSchema, node)).toBe(true);
    expect((await get("/v1/nodes")).json().items).toEqual([node]);
    const text = (await api.app.inject("/metrics")).body;
    expect(text).toContain('berth_node_gpus{node="n1",state="allocated"} 1');
  });

  it("that do not exist are node_not_found", async () => {
    expect((await get("/v1/nodes/ghost")).json<Problem>().code).toBe("node_not_found");
  });
});
