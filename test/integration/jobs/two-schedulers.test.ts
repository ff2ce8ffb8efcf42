import { afterAll, beforeAll, expect, test } from "vitest";
import { createRedisStores, createScheduleLoop, type RedisStores } from "../../../src/control/jobs/index.ts";
import { decide } from "../../../src/control/scheduler/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { factsOf, specOf } from "../../support/control-samples.ts";
import { startRedis, type TestRedis } from "../../support/redis.ts";

let server: TestRedis;
const replicas: RedisStores[] = [];

beforeAll(async () => {
  server = await startRedis();
  for (let count = 0; count < 2; count += 1) replicas.push(await createRedisStores({ address: { unixPath: server.socketPath } }));
});

afterAll(async () => {
  for (const stores of replicas) await stores.close();
  await server.stop();
});

test("two control planes that schedule at the same time never overcommit a node together", async () => {
  const [{ jobs, nodes }] = replicas as [RedisStores, RedisStores];
  for (const nodeId of ["a", "b"]) {
    await nodes.join(nodeId, Date.now());
    await nodes.recordSync(
      { nodeId, incarnation: "i", bootId: "b", sentAt: 1, address: "10.0.0.1", facts: factsOf(nodeId, 2, { cpus: 8 }) },
      Date.now(),
    );
  }
  const loops = replicas.map((stores) =>
    createScheduleLoop({ store: stores.jobs, nodes: stores.nodes, decide, queues: { nudgeNode: async () => {} }, clock: systemClock() }),
  );
  for (let round = 0; round < 20; round += 1) {
    const spec = specOf({ resources: { gpus: round % 2, cpuMillis: 3000 } });
    await jobs.submit({ spec, user: "ada", idempotencyKey: null }, Date.now());
    await Promise.all(loops.map((loop) => loop.pass()));
  }
  const { active, pending } = await jobs.queue(100);
  const places = active.flatMap(({ attempt }) => attempt?.assignments ?? []);
  const gpus = places.flatMap(({ nodeId, gpuUuids }) => gpuUuids.map((uuid) => `${nodeId}/${uuid}`));
  expect(new Set(gpus).size).toBe(gpus.length);
  // Eight CPUs hold two jobs of three.
  for (const nodeId of ["a", "b"]) expect(places.filter((place) => place.nodeId === nodeId)).toHaveLength(2);
  expect(pending).toHaveLength(16);
});
