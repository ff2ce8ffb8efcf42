import { afterAll, beforeAll, expect, test } from "vitest";
import { applyChange, checkRedis, connectRedis, createRedisStores, type RedisStores } from "../../../src/control/jobs/index.ts";
import { specOf } from "../../support/control-samples.ts";
import { startRedis, type TestRedis } from "../../support/redis.ts";

let server: TestRedis;
let stores: RedisStores;

beforeAll(async () => {
  server = await startRedis();
  stores = await createRedisStores({ address: { unixPath: server.socketPath } });
});

afterAll(async () => {
  await stores.close();
  await server.stop();
});

const submit = (name = "train") => stores.jobs.submit({ spec: specOf({ name }), user: "ada", idempotencyKey: null }, Date.now());

/** Until the connection is back; every refusal on the way must be the honest one. */
async function eventually<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; tries < 2400; tries += 1) {
    try {
      return await work();
    } catch (error) {
      expect(error).toMatchObject({ code: "redis_unavailable", status: 503, retryable: true });
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  throw new Error("the connection never came back");
}

test("every accepted job survives the SIGKILL of redis at any moment", async () => {
  const accepted: string[] = [];
  for (let cycle = 0; cycle < 5; cycle += 1) {
    const submitting = Array.from({ length: 40 }, (_, index) =>
      submit(`cycle-${cycle}-${index}`).then(
        ({ job }) => accepted.push(job.id),
        () => {},
      ),
    );
    await Promise.race(submitting);
    await server.kill();
    await Promise.all(submitting);
    await server.restart();
    await eventually(() => submit());
  }
  expect(accepted.length).toBeGreaterThan(0);
  for (const id of accepted) expect((await stores.jobs.get(id))?.state).toBe("pending");
  expect(new Set(accepted).size).toBe(accepted.length);
});

test("while redis is away calls are refused at once and not heaped up, and work again after it", async () => {
  await server.kill();
  const calls = [
    submit(),
    stores.jobs.get("1"),
    stores.nodes.list(),
    stores.jobs.list({}, { limit: 10, cursor: null }),
    stores.jobs.queue(10),
  ];
  for (const result of await Promise.allSettled(calls)) {
    expect(result).toMatchObject({ status: "rejected", reason: { code: "redis_unavailable" } });
  }
  await server.restart();
  const { job } = await eventually(() => submit());
  expect((await stores.jobs.get(job.id))?.id).toBe(job.id);
});

test("a stopped redis is given up on after the command's time limit", async () => {
  process.kill(server.pid(), "SIGSTOP");
  try {
    await expect(stores.jobs.get("1")).rejects.toMatchObject({ code: "redis_unavailable" });
  } finally {
    process.kill(server.pid(), "SIGCONT");
  }
  await eventually(() => stores.jobs.get("1"));
});

test("a full redis refuses new jobs honestly and keeps the old ones", async () => {
  const { job } = await eventually(() => submit());
  await stores.redis.config("SET", "maxmemory", "1");
  await expect(submit()).rejects.toMatchObject({ code: "redis_unavailable" });
  await stores.redis.config("SET", "maxmemory", "0");
  expect((await stores.jobs.get(job.id))?.id).toBe(job.id);
});

test("a redis that may not be written to refuses transactions as honestly as scripts", async () => {
  await eventually(() => stores.nodes.join("gpu-01", Date.now()));
  await stores.redis.call("REPLICAOF", "127.0.0.1", "1");
  try {
    await expect(stores.nodes.remove("gpu-01")).rejects.toMatchObject({ code: "redis_unavailable" });
  } finally {
    await stores.redis.call("REPLICAOF", "NO", "ONE");
  }
  await stores.nodes.remove("gpu-01");
});

test("waiting for a change survives the loss of redis and still hears of it", async () => {
  const { job } = await eventually(() => submit());
  await server.restart();
  await eventually(() => stores.jobs.get(job.id));
  // Woken by the change or by the subscriber's return: both end the wait long before its own limit.
  const waiting = stores.jobs.changed(job.id, 600_000, new AbortController().signal);
  await applyChange(stores.jobs, job.id, { type: "cancel-requested", by: "ada" }, Date.now());
  await waiting;
});

test("settings under which jobs could be lost are named", async () => {
  expect(await checkRedis(stores.redis)).toEqual([]);
  const careless = await startRedis(["--maxmemory-policy", "allkeys-lru", "--appendfsync", "everysec"]);
  const redis = connectRedis({ unixPath: careless.socketPath });
  await new Promise((resolve) => redis.once("ready", resolve));
  expect((await checkRedis(redis)).map(({ setting, value }) => `${setting}=${value}`)).toEqual([
    "maxmemory-policy=allkeys-lru",
    "appendfsync=everysec",
  ]);
  redis.disconnect();
  await careless.stop();
});

test("no redis at all is told within the time asked for", async () => {
  const opening = createRedisStores({ address: { unixPath: `${server.socketPath}.absent` }, readyTimeoutMs: 200 });
  await expect(opening).rejects.toMatchObject({ code: "redis_unavailable" });
});
