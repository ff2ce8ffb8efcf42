import { type ChildProcess, spawn } from "node:child_process";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  applyEvent,
  createLeader,
  createRedisStores,
  createScheduleLoop,
  type RedisStores,
  type Stores,
} from "../../../src/control/jobs/index.ts";
import { decide } from "../../../src/control/scheduler/index.ts";
import { type Job, systemClock } from "../../../src/shared/domain/index.ts";
import { factsOf, specOf } from "../../support/control-samples.ts";
import { until } from "../../support/poll.ts";
import { startRedis, type TestRedis } from "../../support/redis.ts";

/** The promise of five seconds is a matter of the leader's clock (test/unit/jobs/leader.test.ts); here it is processes on a machine in use. */
const TAKE_OVER_SECONDS = 60;
const LEASE = "{berth}:leader";
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

/** A control plane's scheduler in a process of its own; `leads` as it last said. See scheduler-process.ts for `signal`. */
function startScheduler(name: string, ...signal: string[]) {
  const state = { started: false, leads: false, refused: false, child: null as unknown as ChildProcess };
  const args = ["--import", "tsx", SCHEDULER, server.socketPath, name, ...signal];
  state.child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(state.child);
  state.child.stdout?.on("data", (chunk: Buffer) => {
    for (const line of chunk.toString("utf8").trim().split("\n")) {
      state.started = true;
      if (line === "refused") state.refused = true;
      else state.leads = line === "leads";
    }
  });
  return state;
}

const submit = async (changes: Parameters<typeof specOf>[0] = {}) =>
  (await stores.jobs.submit({ spec: specOf({ resources: { gpus: 1 }, ...changes }), user: "ada", idempotencyKey: null }, Date.now())).job
    .id;
const isPlaced = async (id: string) => (await stores.jobs.get(id))?.state === "starting";

async function expectNoGpuTwice() {
  const { active } = await stores.jobs.queue(1000);
  const gpus = active.flatMap(
    ({ attempt }) => attempt?.assignments.flatMap(({ nodeId, gpuUuids }) => gpuUuids.map((gpu) => `${nodeId}/${gpu}`)) ?? [],
  );
  expect(new Set(gpus).size).toBe(gpus.length);
}

test.each(["SIGKILL", "SIGSTOP"] as const)(
  "after %s of the leader in the middle of a plan the other takes over, and no GPU is given twice",
  async (signal) => {
    const one = startScheduler("one", signal);
    await until("the first leader", 60, () => one.leads);
    const two = startScheduler("two");
    await until("the stand-by", 60, () => two.started);
    const before = await submit();
    await until("a placement", 60, () => isPlaced(before));
    // Planned by the first, which is struck before it commits.
    const id = await submit({ priority: 77 });
    await until("the take-over", TAKE_OVER_SECONDS, async () => two.leads && (await isPlaced(id)));
    one.child.kill("SIGCONT");
    if (signal === "SIGSTOP") await until("the old plan to be refused", 60, () => one.refused && !one.leads);
    const later = [await submit(), await submit()];
    await until("later placements", 60, async () => (await Promise.all(later.map(isPlaced))).every(Boolean));
    expect(await stores.jobs.get(id)).toMatchObject({ epoch: 1 });
    await expectNoGpuTwice();
  },
);

test("what an old leader has planned is refused row by row, and a gang is never half placed", async () => {
  const other = await createRedisStores({ address: { unixPath: server.socketPath } });
  const clock = systemClock();
  const fence = await until("the lease", 60, () => stores.leader.acquire("old", 60_000));
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
  await until("the lease", 60, () => leader.fence() !== null);
  stop.abort();
  await running;
  expect(leader.fence()).toBeNull();
  expect(await stores.leader.acquire("next", 1000)).toBeGreaterThan(0);
});

test("steps of the clock of Redis' host neither keep a dead leader in office nor let two commit", async () => {
  const redis = new Redis({ path: server.socketPath });
  const stop = new AbortController();
  let isCut = false;
  // Once it is cut off it renews nothing more, as a dead one.
  const cutOff: Stores["leader"] = new Proxy(stores.leader, {
    get: (target, name) => (isCut ? async () => Promise.reject(new Error("cut off")) : Reflect.get(target, name)),
  });
  const leaderOf = (holder: string, store: Stores["leader"]) => createLeader({ store, holder, clock: systemClock(), onChange: () => {} });
  const [one, two] = [leaderOf("one", cutOff), leaderOf("two", stores.leader)];
  const running = [one.run(stop.signal)];
  try {
    const first = await until("the first leader", 60, () => one.fence());
    running.push(two.run(stop.signal));
    // Backwards by an hour: what the lease still lasts grows by as much.
    isCut = true;
    await until("a lease that lasts", 60, async () => (await redis.pexpire(LEASE, 3_600_000)) === 1);
    const second = await until("the take-over", TAKE_OVER_SECONDS, () => two.fence());
    expect(one.fence()).toBeNull();
    // Forwards: the lease of a living leader ends at once, and so does its term.
    await redis.pexpire(LEASE, 1);
    await until("another term", TAKE_OVER_SECONDS, () => (two.fence() ?? 0) > second);
    const row = (await stores.jobs.get(await submit())) as Job;
    const promise = { nodeIds: ["a"], madeAt: Date.now(), until: Date.now() + 1000 };
    const planned = applyEvent(row, { type: "room-promised", promise }, Date.now());
    for (const old of [first, second])
      await expect(stores.jobs.commit(row, planned, Date.now(), undefined, old)).rejects.toMatchObject({ code: "conflict" });
  } finally {
    stop.abort();
    await Promise.all(running);
    redis.disconnect();
  }
});
