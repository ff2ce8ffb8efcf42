import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, request } from "undici";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runControlPlane } from "../../../src/control/api/index.ts";
import type { Job } from "../../../src/shared/domain/index.ts";
import { silentLogger } from "../../../src/shared/observe/index.ts";
import type { JoinResponse, Problem, SyncResponse } from "../../../src/shared/wire/index.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { until } from "../../support/poll.ts";
import { startRedis, type TestRedis } from "../../support/redis.ts";
import { syncRequest } from "../../unit/api/sync-request.ts";

interface Running {
  url: string;
  stop(): Promise<void>;
  done: Promise<void>;
}

const SPEC = { name: "train", image: "debian:bookworm" };
let folder: string;
let redis: TestRedis;
let running: Running[];
let local: Agent;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-cp-"));
  redis = await startRedis();
  running = [];
  local = new Agent({ connect: { socketPath: join(folder, "run/api.sock") } });
});
afterEach(async () => {
  await Promise.all(running.map((one) => one.stop().catch(() => undefined)));
  await local.destroy();
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(changes: { redis?: string; dataDir?: string } = {}): Promise<Running> {
  const stop = new AbortController();
  let listening = (_url: string) => {};
  const url = new Promise<string>((resolve) => {
    listening = resolve;
  });
  const options = {
    dataDir: join(folder, "data"),
    runDir: join(folder, "run"),
    listen: "127.0.0.1:0",
    redis: `unix://${redis.socketPath}`,
    embedded: true,
    logger: silentLogger(),
    onListening: listening,
    ...changes,
  };
  const done = runControlPlane(options, stop.signal);
  const one = {
    url: await Promise.race([url, done.then(() => "")]),
    done,
    stop: async () => {
      stop.abort();
      await done;
    },
  };
  running.push(one);
  return one;
}

interface Answer<T> {
  status: number;
  body: T;
}

async function call<T>(
  url: string,
  options: { method?: "GET" | "POST"; body?: object; token?: string; dispatcher?: Agent } = {},
): Promise<Answer<T>> {
  const { method = "GET", body, token, dispatcher } = options;
  const headers = { ...(body ? { "content-type": "application/json" } : {}), ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const answer = await request(url, {
    method,
    headers,
    ...(body ? { body: JSON.stringify(body) } : {}),
    ...(dispatcher ? { dispatcher } : {}),
  });
  return { status: answer.statusCode, body: (await answer.body.json()) as T };
}

const byLocal = <T>(path: string, options: { method?: "GET" | "POST"; body?: object } = {}) =>
  call<T>(`http://local${path}`, { ...options, dispatcher: local });
const ready = (url: string) => until("readiness", 60, async () => (await call(`${url}/readyz`)).status === 200);

describe("the control plane", () => {
  it("serves the operator on a private socket and everybody else by token", async () => {
    const { url } = await start();
    await ready(url);
    expect((await stat(join(folder, "run/api.sock"))).mode & 0o777).toBe(0o600);
    const tokenFile = join(folder, "data/control/admin-token");
    expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
    const admin = (await readFile(tokenFile, "utf8")).trim();
    expect((await byLocal<{ items: [] }>("/v1/jobs")).status).toBe(200);
    expect((await call(`${url}/v1/jobs`)).status).toBe(401);
    expect((await call(`${url}/v1/jobs`, { token: admin })).status).toBe(200);
    const made = await byLocal<{ token: string }>("/v1/tokens", { method: "POST", body: { kind: "api" } });
    expect((await call(`${url}/v1/jobs`, { token: made.body.token })).status).toBe(200);
  });

  it("asks the registry what the image of a job with GPUs requires, and says where it cannot know", async () => {
    const registry = await startDockerRegistry();
    try {
      await ready((await start()).url);
      const body = { name: "train", image: `${registry.host}/team/missing:1`, resources: { gpus: 1 } };
      const ids: string[] = [];
      // Look-ups of before the queue's connection stands are dropped: submitted again until one is made.
      const job = await until("a look-up", 60, async () => {
        ids.push((await byLocal<Job>("/v1/jobs", { method: "POST", body })).body.id);
        const rows = await Promise.all(ids.map(async (id) => (await byLocal<Job>(`/v1/jobs/${id}`)).body));
        return rows.find(({ imageRequirements }) => imageRequirements !== undefined);
      });
      expect(job.imageRequirements).toEqual([]);
      const events = await request(`http://local/v1/jobs/${job.id}/events`, { dispatcher: local });
      expect(await events.body.text()).toContain(`cannot read what ${body.image} requires of a GPU`);
    } finally {
      await registry.stop();
    }
  });

  it("takes a job through a node that joins: placed, run, logged, ended, kept over a restart", async () => {
    const first = await start();
    await ready(first.url);
    const { token } = (await byLocal<{ token: string }>("/v1/tokens", { method: "POST", body: { kind: "join" } })).body;
    const join_ = await call<JoinResponse>(`${first.url}/agent/v1/join`, { method: "POST", body: { token, name: "n1" } });
    const { nodeId, credential } = join_.body;
    const sync = (replicas: Parameters<typeof syncRequest>[1] = []) =>
      call<SyncResponse>(`${first.url}/agent/v1/sync`, { method: "POST", token: credential, body: syncRequest(nodeId, replicas) });
    await sync();
    const { id } = (await byLocal<Job>("/v1/jobs", { method: "POST", body: { ...SPEC, resources: { gpus: 1 } } })).body;
    const desired = await until("placement", 60, async () => (await sync()).body.desired[0]);
    expect(desired).toMatchObject({ jobId: id, epoch: 1, rank: 0, spec: { gpuUuids: ["GPU-1"] } });

    const followed = request(`http://local/v1/jobs/${id}/logs?follow=true`, { dispatcher: local }).then((answer) => answer.body.text());
    const pushed = await request(`${first.url}/agent/v1/logs/${id}/1/0?offset=0`, {
      method: "POST",
      headers: { authorization: `Bearer ${credential}`, "content-type": "application/octet-stream" },
      body: "2026-01-02T03:04:05.000000000Z stdout F hello\n",
    });
    expect(await pushed.body.json()).toEqual({ size: 46 });
    const report = { jobId: id, epoch: 1, rank: 0, message: null, startedAt: Date.now(), usage: null };
    await sync([{ ...report, state: "running", cause: null, exitCode: null, finishedAt: null }]);
    await sync([{ ...report, state: "exited", cause: "exited", exitCode: 0, finishedAt: Date.now() }]);
    expect(await followed).toBe("hello\n");
    await first.stop();

    const second = await start();
    await ready(second.url);
    expect((await byLocal<Job>(`/v1/jobs/${id}`)).body).toMatchObject({ state: "succeeded", outcome: { exitCode: 0 } });
    const stored = await request(`http://local/v1/jobs/${id}/logs`, { dispatcher: local });
    expect(await stored.body.text()).toBe("hello\n");
    const metrics = await (await request(`${second.url}/metrics`)).body.text();
    expect(metrics).toContain('berth_jobs{state="succeeded"} 1');
  });

  it("listens while Redis is down, refuses with 503, and recovers by itself each time Redis returns", async () => {
    await redis.kill();
    const { url } = await start();
    expect((await call(`${url}/healthz`)).status).toBe(200);
    const refused = await byLocal<Problem>("/v1/jobs", { method: "POST", body: SPEC });
    expect([refused.status, refused.body.code]).toEqual([503, "redis_unavailable"]);
    await redis.restart();
    await ready(url);
    const { id } = (await byLocal<Job>("/v1/jobs", { method: "POST", body: SPEC })).body;
    await redis.kill();
    await until("unreadiness", 60, async () => (await call(`${url}/readyz`)).status === 503);
    expect((await byLocal<Problem>(`/v1/jobs/${id}`)).body.code).toBe("redis_unavailable");
    await redis.restart();
    await ready(url);
    expect((await byLocal<Job>(`/v1/jobs/${id}`)).body.id).toBe(id);
    // The scheduler is at work again: it says why the job waits.
    await until("a reason", 60, async () => (await byLocal<Job>(`/v1/jobs/${id}`)).body.pendingReason);
  });

  it("stops soon although streams are open, ends them with a note, and leaves no socket", async () => {
    const one = await start();
    await ready(one.url);
    const { id } = (await byLocal<Job>("/v1/jobs", { method: "POST", body: SPEC })).body;
    const answer = await request(`http://local/v1/jobs/${id}/logs?follow=true`, { dispatcher: local });
    const text = answer.body.text();
    await one.stop();
    expect(await text).toContain("the control plane is stopping");
    await expect(stat(join(folder, "run/api.sock"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("keeps followers of logs and events through a restart of Redis", async () => {
    const { url } = await start();
    await ready(url);
    const { id } = (await byLocal<Job>("/v1/jobs", { method: "POST", body: SPEC })).body;
    // With its headers the stream has begun: Redis must not go before.
    const open = async (path: string) => {
      const answer = await request(`http://local/v1/jobs/${id}/${path}?follow=true`, { dispatcher: local });
      return { text: answer.body.text() };
    };
    const [logs, events] = [await open("logs"), await open("events")];
    await until("a first event", 60, async () => (await byLocal<{ items: [] }>(`/v1/jobs/${id}/events`)).body.items.length > 0);
    await redis.kill();
    await until("unreadiness", 60, async () => (await call(`${url}/readyz`)).status === 503);
    await redis.restart();
    await ready(url);
    await byLocal(`/v1/jobs/${id}/cancel`, { method: "POST", body: {} });
    expect(await logs.text).toBe("");
    expect(await events.text).toMatch(/"cancelled"/);
  });

  it("stops when Redis is away", async () => {
    const one = await start();
    await ready(one.url);
    await redis.kill();
    await one.stop();
  });

  it("stops while it still waits for Redis", async () => {
    await redis.kill();
    const one = await start();
    await one.stop();
  });

  it("does not take the socket of another that answers, but that of a dead one", async () => {
    const one = await start();
    await ready(one.url);
    await expect(start()).rejects.toMatchObject({ code: "data_dir_locked" });
    expect((await byLocal("/v1/version")).status).toBe(200);
    await one.stop();
    running = [];
    await writeFile(join(folder, "run/api.sock"), "");
    const two = await start();
    await ready(two.url);
    expect((await byLocal("/v1/version")).status).toBe(200);
  });

  it("says that its port is taken and lets go of everything", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as { port: number };
    const options = {
      dataDir: join(folder, "data"),
      runDir: join(folder, "run"),
      listen: `127.0.0.1:${port}`,
      redis: `unix://${redis.socketPath}`,
      embedded: true,
    };
    await expect(runControlPlane({ ...options, logger: silentLogger() }, new AbortController().signal)).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
    await expect(stat(join(folder, "run/api.sock"))).rejects.toMatchObject({ code: "ENOENT" });
    taken.close();
  });

  it("refuses an own Redis that would forget jobs", async () => {
    const forgetful = await startRedis(["--appendfsync", "everysec"]);
    try {
      const one = await start({ redis: `unix://${forgetful.socketPath}` });
      await expect(one.done).rejects.toMatchObject({ code: "missing_requirement" });
    } finally {
      await forgetful.stop();
    }
  });
});
