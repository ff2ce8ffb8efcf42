import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deferStores } from "../../../src/control/api/deferred-stores.ts";
import { parseListen, parseRedisAddress } from "../../../src/control/api/index.ts";
import { createMemoryStores } from "../../../src/control/jobs/index.ts";
import type { Problem } from "../../../src/shared/wire/index.ts";
import { SPEC, startTestApi, type TestApi } from "./api-under-test.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

describe("metrics", () => {
  it("are in the text format, with build, jobs, HTTP and process", async () => {
    await api.submit();
    await api.call({ url: "/v1/jobs/ghost-of-a-user-name" });
    const answer = await api.app.inject("/metrics");
    expect(answer.headers["content-type"]).toContain("text/plain; version=0.0.4");
    for (const part of [
      'berth_build_info{version="0.0.0-test"',
      'berth_jobs{state="pending"} 1',
      'berth_jobs{state="failed"} 0',
      "berth_redis_up 1",
      "process_cpu_seconds_total",
    ]) {
      expect(answer.body).toContain(part);
    }
    expect(answer.body).toContain('http_request_duration_seconds_count{method="GET",route="/v1/jobs/:id",status="404"} 1');
  });

  it("never carry text that a user wrote", async () => {
    await api.submit({ ...SPEC, name: "very-own-name", project: "very-own-project", labels: { "very-own-label": "very-own-value" } });
    await api.call({ url: "/very-own-path?very-own=query" });
    expect((await api.app.inject("/metrics")).body).not.toContain("very-own");
  });
});

describe("without Redis", () => {
  it("everything that needs it is 503 redis_unavailable, the process is healthy, metrics say so; and it comes back", async () => {
    const deferred = deferStores();
    const cold = await startTestApi({ stores: deferred.stores });
    const calls = [
      { method: "POST" as const, url: "/v1/jobs", payload: SPEC },
      { url: "/v1/jobs" },
      { url: "/v1/jobs/1" },
      { url: "/v1/jobs/1/logs" },
      { url: "/v1/nodes" },
      { url: "/readyz" },
    ];
    for (const call of calls) {
      const answer = await cold.call(call);
      expect([answer.statusCode, answer.json<Problem>().code, answer.json<Problem>().retryable]).toEqual([503, "redis_unavailable", true]);
      expect(answer.headers["retry-after"]).toBe("2");
    }
    expect((await cold.app.inject("/healthz")).json()).toEqual({ status: "ok" });
    expect((await cold.app.inject("/metrics")).body).toContain("berth_redis_up 0");
    deferred.set(createMemoryStores());
    expect((await cold.app.inject("/readyz")).statusCode).toBe(200);
    expect((await cold.call({ method: "POST", url: "/v1/jobs", payload: SPEC })).statusCode).toBe(201);
    await cold.close();
  });
});

describe("an error nobody foresaw", () => {
  it("tells the caller nothing of its text", async () => {
    const stores = createMemoryStores();
    const broken = { ...stores, jobs: { ...stores.jobs, list: async () => Promise.reject(new Error("secret path /root/x")) } };
    const odd = await startTestApi({ stores: broken });
    const answer = await odd.call({ url: "/v1/jobs" });
    expect([answer.statusCode, answer.json<Problem>().code]).toEqual([500, "internal"]);
    expect(answer.body).not.toContain("secret");
    await odd.close();
  });
});

describe("addresses", () => {
  it("are read with IPv4, IPv6 and names", () => {
    expect(parseListen("127.0.0.1:8470")).toEqual({ host: "127.0.0.1", port: 8470 });
    expect(parseListen("[::]:0")).toEqual({ host: "::", port: 0 });
    expect(parseListen("localhost:1")).toEqual({ host: "localhost", port: 1 });
  });
  it.each(["8470", ":8470", "host:99999", "host", "::1:80", "http://x:1"])("%s is refused", (text) => {
    expect(() => parseListen(text)).toThrow(/HOST:PORT/);
  });
  it("of Redis may be a socket or a URL; a password is not repeated in the refusal", () => {
    expect(parseRedisAddress("unix:///run/redis.sock")).toEqual({ unixPath: "/run/redis.sock" });
    expect(parseRedisAddress("rediss://h:1/0")).toEqual({ url: "rediss://h:1/0" });
    expect(() => parseRedisAddress("http://user:hunter2@h")).toThrow(/http:\/\/\*\*\*@h/);
  });
});
