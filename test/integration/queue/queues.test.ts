import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createQueues, type Queues } from "../../../src/control/queue/index.ts";
import { startRedis, type TestRedis } from "../../support/redis.ts";

let server: TestRedis;
const opened: Queues[] = [];

beforeAll(async () => {
  server = await startRedis();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((queues) => queues.close()));
});

afterAll(() => server.stop());

/** One control-plane replica, and what it heard. */
function replica(watchdogTiming?: { canaryMs: number; silenceMs: number }) {
  const heard = { wakes: [] as string[], nudges: [] as string[], warnings: [] as string[] };
  const queues = createQueues({
    redis: { unixPath: server.socketPath },
    onWakeScheduler: (reasons) => heard.wakes.push(...reasons),
    onNudgeNode: (nodeId) => heard.nudges.push(nodeId),
    log: { info: () => {}, warn: (_fields, message) => heard.warnings.push(message) },
    ...(watchdogTiming === undefined ? {} : { watchdogTiming }),
  });
  opened.push(queues);
  return { queues, heard };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 3000; tries += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`never: ${condition}`);
}

/** Hints may be lost while a connection is being made, so they are repeated as the system's own loops do. */
async function nudgesArrive(from: Queues, at: { nudges: string[] }, nodeId: string): Promise<void> {
  await until(async () => {
    await from.nudgeNode(nodeId);
    return at.nudges.includes(nodeId);
  });
}

test("a nudge is heard in every replica, at once in the one that gave it", async () => {
  const [left, right] = [replica(), replica()];
  const sent = left.queues.nudgeNode("node-here");
  expect(left.heard.nudges).toEqual(["node-here"]);
  await sent;
  await nudgesArrive(left.queues, right.heard, "node-a");
  await nudgesArrive(right.queues, left.heard, "node-b");
});

test("a wake-up reaches the scheduler here at once, and one that is queued is handled by somebody", async () => {
  const { queues, heard } = replica();
  await until(async () => {
    await queues.wakeScheduler("job submitted");
    return heard.wakes.length > 1;
  });
  expect(new Set(heard.wakes)).toEqual(new Set(["job submitted"]));
});

test("hints given while redis is away are dropped without an error, and work goes on after it", async () => {
  const [left, right] = [replica(), replica()];
  await nudgesArrive(left.queues, right.heard, "before");
  await server.kill();
  await left.queues.wakeScheduler("lost");
  await left.queues.nudgeNode("lost");
  expect(left.heard.warnings).toContain("hint dropped");
  await server.restart();
  await nudgesArrive(left.queues, right.heard, "after");
});

test("deleting every key of the queue only delays", async () => {
  const [left, right] = [replica(), replica()];
  await nudgesArrive(left.queues, right.heard, "before");
  const redis = new Redis({ path: server.socketPath, db: 1 });
  for (let round = 0; round < 5; round += 1) {
    await redis.flushdb();
    await nudgesArrive(left.queues, right.heard, `after-${round}`);
  }
  redis.disconnect();
});

test("nothing is ever written beside the truth, and the queue does not grow", async () => {
  const { queues, heard } = replica();
  await until(() => queues.nudgeNode("node-a").then(() => heard.nudges.length > 300));
  const [truth, hints] = [new Redis({ path: server.socketPath }), new Redis({ path: server.socketPath, db: 1 })];
  expect(await truth.dbsize()).toBe(0);
  await until(async () => (await hints.dbsize()) < 130);
  truth.disconnect();
  hints.disconnect();
});

test("a worker that fell silent is replaced", async () => {
  const { queues, heard } = replica({ canaryMs: 100, silenceMs: 300 });
  await until(() => queues.nudgeNode("n").then(() => heard.nudges.length > 3));
  const redis = new Redis({ path: server.socketPath, db: 1 });
  // Paused, the queue takes hints and nobody consumes them: what a silent worker looks like from outside.
  await redis.hset("{berth-queue}:hints:meta", "paused", 1);
  await until(() => heard.warnings.includes("the queue's worker is silent: starting a new one"));
  await redis.hdel("{berth-queue}:hints:meta", "paused");
  redis.disconnect();
});
