import { type ChildProcess, spawn } from "node:child_process";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createLeader, createRedisStores, createScheduleLoop, type RedisStores } from "../../../src/control/jobs/index.ts";
import { decide } from "../../../src/control/scheduler/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { factsOf, specOf } from "../../support/control-samples.ts";
import { until } from "../../support/poll.ts";
import { startRedis, type TestRedis } from "../../support/redis.ts";

/** What the project promises; the lease lasts three seconds, and there is half a second between tries. */
const TAKE_OVER_SECONDS = 5;
const SCHEDULER = new URL("../../support/scheduler-process.ts", import.meta.url).pathname;

let server: TestRedis;
let stores: RedisStores;
const children: ChildProcess[] = [];

beforeAll(async () => {
  server = await startRedis();
  stores = await createRedisStores({ address: { unixPath: server.socketPath } });
  for (const nodeId of ["a", "b"]) {
    await stores.nodes.join(nodeId, Date.now());
    await stores.nodes.recordSync(
      { nodeId, incarnation: "i", bootId: "b", sentAt: 1, address: "10.0.0.1", facts: factsOf(nodeId, 8) },
      Date.now(),
    );
  }
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

afterAll(async () => {
  await stores.close();
  await server.stop();
});

/** A control plane's scheduler in a process of its own; `leads` as it last said. */
function startScheduler(name: string) {
  const state = { started: false, leads: false, child: null as unknown as ChildProcess };
  state.child = spawn(process.execPath, ["--import", "tsx", SCHEDULER, server.socketPath, name], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(state.child);
  state.child.stdout?.on("data", (chunk: Buffer) => {
    for (const line of chunk.toString("utf8").trim().split("\n")) {
      state.started = true;
      state.leads = line === "leads";
    }
  });
  return state;
}

const submit = async () =>
  (await stores.jobs.submit({ spec: specOf({ resources: { gpus: 1 } }), user: "ada", idempotencyKey: null }, Date.now())).job.id;
const isPlaced = async (id: string) => (await stores.jobs.get(id))?.state === "starting";

async function expectNoGpuTwice() {
  const { active } = await stores.jobs.queue(1000);
  const gpus = active.flatMap(
    ({ attempt }) => attempt?.assignments.flatMap(({ nodeId, gpuUuids }) => gpuUuids.map((gpu) => `${nodeId}/${gpu}`)) ?? [],
  );
  expect(new Set(gpus).size).toBe(gpus.length);
}

test.each(["SIGKILL", "SIGSTOP"] as const)(
  "after %s of the leader the other takes over within five seconds, and no GPU is given twice",
  async (signal) => {
    const one = startScheduler("one");
    await until("the first leader", 30, () => one.leads);
    const two = startScheduler("two");
    await until("the stand-by", 30, () => two.started);
    const before = await submit();
    await until("a placement", 20, () => isPlaced(before));
    one.child.kill(signal);
    const id = await submit();
    // The old leader may have placed the job in its last moment: what counts is that the other leads.
    await until("the take-over", TAKE_OVER_SECONDS, async () => two.leads && (await isPlaced(id)));
    one.child.kill("SIGCONT");
    const later = [await submit(), await submit()];
    await until("later placements", 20, async () => (await Promise.all(later.map(isPlaced))).every(Boolean));
    await expectNoGpuTwice();
  },
);

test("what an old leader has planned is refused row by row, and a gang is never half placed", async () => {
  const other = await createRedisStores({ address: { unixPath: server.socketPath } });
  const clock = systemClock();
  const fence = await until("the lease", 10, () => stores.leader.acquire("old", 60_000));
  const planned: number[] = [];
  const gang = (
    await stores.jobs.submit({ spec: specOf({ replicas: 2, resources: { gpus: 1 } }), user: "ada", idempotencyKey: null }, Date.now())
  ).job.id;
  const stale = createScheduleLoop({
    store: stores.jobs,
    nodes: stores.nodes,
    leader: { fence: () => fence },
    queues: { nudgeNode: async () => {} },
    clock,
    ...{ suspectSeconds: 3600, leaseSeconds: 3600 },
    decide: (snapshot, now) => {
      const plan = decide(snapshot, now);
      planned.push(plan.placements.length);
      return plan;
    },
  });
  await other.leader.release("old");
  await other.leader.acquire("new", 60_000);
  expect((await stale.pass()).placed).toEqual([]);
  expect(planned).toEqual([1]);
  expect(await stores.jobs.get(gang)).toMatchObject({ state: "pending", attempt: null, epoch: 0 });
  await other.leader.release("new");
  await other.close();
});

test("a clean stop lets go of the lease at once", async () => {
  const stop = new AbortController();
  const leader = createLeader({ store: stores.leader, holder: "gone", clock: systemClock(), onChange: () => {} });
  const running = leader.run(stop.signal);
  await until("the lease", 20, () => leader.fence() !== null);
  stop.abort();
  await running;
  expect(leader.fence()).toBeNull();
  expect(await stores.leader.acquire("next", 1000)).toBeGreaterThan(0);
});
