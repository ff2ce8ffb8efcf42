import { Ajv } from "ajv";
import type { InjectOptions } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Problem } from "../../../src/shared/wire/index.ts";
import { AS_ADMIN, startTestApi, type TestApi } from "./api-under-test.ts";

interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  security: Record<string, string[]>[];
  responses: Record<string, unknown>;
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

const api: TestApi = await startTestApi();
const document = (await api.app.inject("/openapi.json")).json<Document>();
afterAll(() => api.close());

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase() as "GET", path, operation })),
);
const closed = operations.filter(({ operation }) => operation.security.length > 0);
const open = operations.filter(({ operation }) => operation.security.length === 0);
const url = (path: string) => path.replaceAll(/\{[^}]+\}/g, "1");

async function code(request: InjectOptions): Promise<[number, string | undefined]> {
  const answer = await api.app.inject(request);
  return [answer.statusCode, String(answer.headers["content-type"]).includes("problem") ? answer.json<Problem>().code : undefined];
}

describe("every route of the OpenAPI document that is not open", () => {
  const wrong: [string, Record<string, string>][] = [
    ["nothing", {}],
    ["an unknown token", { authorization: "Bearer nope" }],
    ["an empty token", { authorization: "Bearer " }],
    ["the admin token as Basic", { authorization: `Basic ${AS_ADMIN.authorization.slice(7)}` }],
    ["most of the admin token", { authorization: AS_ADMIN.authorization.slice(0, -1) }],
    ["the credential of a node that does not exist", { authorization: "Bearer ghost~secret" }],
    ["a token of a megabyte less a bit", { authorization: `Bearer ${"x".repeat(15_000)}` }],
  ];
  for (const { method, path } of closed) {
    it.each(wrong)(`${method} ${path} refuses %s`, async (_what, headers) => {
      expect(await code({ method, url: url(path), headers })).toEqual([401, "unauthorized"]);
    });
  }

  it("refuses a join token as API token, and an API token as join token", async () => {
    const { tokens } = api.deps.stores;
    const join = await tokens.create("join", 60, Date.now());
    const apiToken = await tokens.create("api", 60, Date.now());
    expect(await code({ url: "/v1/jobs", headers: { authorization: `Bearer ${join.token}` } })).toEqual([401, "unauthorized"]);
    const body = { token: apiToken.token, name: "n1" };
    expect(await code({ method: "POST", url: "/agent/v1/join", payload: body })).toEqual([401, "unauthorized"]);
  });

  it("refuses an expired API token", async () => {
    const { token } = await api.deps.stores.tokens.create("api", 1, Date.now() - 5000);
    expect(await code({ url: "/v1/jobs", headers: { authorization: `Bearer ${token}` } })).toEqual([401, "unauthorized"]);
  });

  it("lets an API token use jobs but make no tokens", async () => {
    const { token } = await api.deps.stores.tokens.create("api", 60, Date.now());
    const headers = { authorization: `Bearer ${token}` };
    expect((await api.app.inject({ url: "/v1/jobs", headers })).statusCode).toBe(200);
    expect(await code({ method: "POST", url: "/v1/tokens", headers, payload: { kind: "join" } })).toEqual([403, "forbidden"]);
  });

  it("refuses a node's credential on the users' routes, and the admin token on the nodes' routes", async () => {
    const node = await api.joinNode("credential-test");
    expect(await code({ url: "/v1/jobs", headers: { authorization: node } })).toEqual([401, "unauthorized"]);
    expect(await code({ url: "/agent/v1/wake", headers: AS_ADMIN })).toEqual([401, "unauthorized"]);
  });

  it("believes the local socket on the users' routes only", async () => {
    const local = await startTestApi({ isLocal: () => true });
    expect((await local.app.inject("/v1/jobs")).statusCode).toBe(200);
    expect((await local.app.inject({ method: "POST", url: "/agent/v1/sync", payload: {} })).statusCode).toBe(401);
    await local.close();
  });
});

describe("the OpenAPI document", () => {
  it("is 3.1, with an id, a summary, a tag and an error answer for every operation", () => {
    expect(document.openapi).toBe("3.1.0");
    for (const { operation } of operations) {
      expect(operation).toMatchObject({ operationId: expect.any(String), summary: expect.any(String), tags: [expect.any(String)] });
      expect(operation.responses).toHaveProperty("default");
    }
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
  });

  it("describes every route the server has", () => {
    const expected = [
      "POST /v1/jobs",
      "GET /v1/jobs",
      "GET /v1/jobs/{id}",
      "POST /v1/jobs/{id}/cancel",
      "POST /v1/jobs/{id}/retry",
      "GET /v1/jobs/{id}/logs",
      "GET /v1/jobs/{id}/events",
      "GET /v1/jobs/{id}/explain",
      "POST /v1/plan",
      "GET /v1/nodes",
      "GET /v1/nodes/{id}",
      "GET /v1/projects",
      "GET /v1/projects/{name}",
      "PUT /v1/projects/{name}",
      "DELETE /v1/projects/{name}",
      "GET /v1/reservations",
      "POST /v1/reservations",
      "DELETE /v1/reservations/{name}",
      "POST /v1/tokens",
      "GET /v1/version",
      "PATCH /v1/nodes/{id}",
      "DELETE /v1/nodes/{id}",
      "GET /v1/ca",
      "POST /agent/v1/certificate",
      "POST /agent/v1/blobs/claim",
      "POST /agent/v1/blobs/held",
      "GET /healthz",
      "GET /readyz",
      "GET /metrics",
      "GET /openapi.json",
      "GET /schemas/job.json",
      "POST /agent/v1/join",
      "POST /agent/v1/sync",
      "GET /agent/v1/wake",
      "POST /agent/v1/logs/{job}/{epoch}/{rank}",
    ];
    expect(operations.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(expected.sort());
  });

  it("leaves open only what says nothing about jobs", () => {
    const paths = open.map(({ path }) => path).sort();
    expect(paths).toEqual([
      "/agent/v1/join",
      "/healthz",
      "/metrics",
      "/openapi.json",
      "/readyz",
      "/schemas/job.json",
      "/v1/ca",
      "/v1/version",
    ]);
  });

  it("has references that lead somewhere and schemas that are schemas", () => {
    const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g);
    for (const [, target = ""] of references) {
      expect(target).toMatch(/^#\/components\/schemas\//);
      expect(document.components.schemas).toHaveProperty(target.split("/")[3] ?? "");
    }
    const ajv = new Ajv({ strict: false });
    for (const schema of Object.values(document.components.schemas)) expect(ajv.validateSchema(schema)).toBe(true);
    expect(Object.keys(document.components.schemas).sort()).toEqual([
      "Explanation",
      "Job",
      "JobEvent",
      "JobSpec",
      "LogEntry",
      "Node",
      "Problem",
      "Project",
      "Reservation",
    ]);
  });

  it("carries the whole job spec, limits included", () => {
    const text = JSON.stringify(document.components.schemas.JobSpec);
    expect(text).toContain('"maximum":64');
    expect(text).toContain("patternProperties");
  });

  it("is browsable", async () => {
    const page = await api.app.inject("/docs/");
    expect([page.statusCode, page.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
  });
});

describe("what is not there", () => {
  it.each(["/", "/v1", "/v1/nope", "/v1/jobs/1/nope", "/%2e%2e/etc/passwd", "/v1//jobs"])("%s is a problem, whoever asks", async (path) => {
    expect(await code({ url: path })).toEqual([404, "route_not_found"]);
  });
  it("neither is a path that cannot be decoded", async () => {
    expect((await code({ url: "/v1/jobs/%ff", headers: AS_ADMIN }))[0]).toBe(400);
  });
  it("nor the wrong method", async () => {
    expect(await code({ method: "DELETE", url: "/v1/jobs", headers: AS_ADMIN })).toEqual([404, "route_not_found"]);
  });
});

describe("the schema for editors", () => {
  let validate: ReturnType<Ajv["compile"]>;
  beforeAll(async () => {
    const answer = await api.app.inject("/schemas/job.json");
    expect(answer.headers["content-type"]).toContain("application/schema+json");
    validate = new Ajv({ strict: false }).compile(answer.json());
  });
  it("takes a job and refuses a typing error", () => {
    expect(validate({ name: "a", image: "b", resources: { gpus: 1 } })).toBe(true);
    expect(validate({ name: "a", image: "b", resources: { gpu: 1 } })).toBe(false);
  });
});
