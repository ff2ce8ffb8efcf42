import { expect, test } from "vitest";
import { applyEvent, createMemoryStores, createNodeSync, createScheduleLoop, patchControls } from "../../../src/control/jobs/index.ts";
import { decide } from "../../../src/control/scheduler/index.ts";
import { type Job, systemClock } from "../../../src/shared/domain/index.ts";
import { AGENT_PROTOCOL_VERSION } from "../../../src/shared/wire/index.ts";
import { factsOf, specOf } from "../../support/control-samples.ts";

/** A control plane over memory with nodes of two GPUs, and what its agents say. */
async function cluster(...nodeIds: string[]) {
  const stores = createMemoryStores();
  const clock = systemClock();
  const wiring = { store: stores.jobs, nodes: stores.nodes, clock };
  const loop = createScheduleLoop({ ...wiring, decide, queues: { nudgeNode: async () => {} } });
  const { sync } = createNodeSync({ ...wiring, wakeScheduler: () => {}, nudgeNode: () => {} });
  let sentAt = 0;
  const say = (nodeId: string, replicas: object[] = [], sick: Record<string, string> = {}) => {
    sentAt += 1;
    const facts = factsOf(nodeId, 2);
    const gpus = facts.gpus.map((gpu) => (gpu.uuid in sick ? { ...gpu, healthy: false, problem: sick[gpu.uuid] ?? "" } : gpu));
    const common = { protocol: AGENT_PROTOCOL_VERSION, incarnation: "i", bootId: "b", sentAt, address: "10.0.0.1" };
    return sync({ ...common, nodeId, facts: { ...facts, gpus }, replicas: replicas as never });
  };
  for (const nodeId of nodeIds) {
    await stores.nodes.join(nodeId, 1);
    await say(nodeId);
  }
  const submit = async (gpus: number, retries = 0) =>
    (await stores.jobs.submit({ spec: specOf({ resources: { gpus }, retries }), user: "ada", idempotencyKey: null }, clock.now())).job.id;
  const get = async (id: string) => (await stores.jobs.get(id)) as Job;
  const place = async (id: string) => {
    await loop.pass();
    return (await get(id)).attempt?.assignments[0];
  };
  /** The job's replica fails on its node. */
  const fail = async (id: string, end: { cause: string; message?: string; exitCode?: number }, sick: Record<string, string> = {}) => {
    const { attempt } = await get(id);
    const nodeId = attempt?.assignments[0]?.nodeId ?? "";
    const times = { startedAt: null, finishedAt: clock.now(), usage: null };
    const report = { jobId: id, epoch: attempt?.epoch, rank: 0, state: "exited", message: null, exitCode: null, ...times, ...end };
    await say(nodeId, [report], sick);
  };
  return { stores, loop, say, submit, get, place, fail };
}

const GPU_START = { cause: "start-failed", message: "gpu_injection_failed: cannot bind /dev/nvidia0" };

test("a job whose GPU could not be injected goes to another GPU and is not charged a retry", async () => {
  const { submit, get, place, fail } = await cluster("a");
  const id = await submit(1);
  expect((await place(id))?.gpuUuids).toEqual(["GPU-a-0"]);
  await fail(id, GPU_START);
  expect(await get(id)).toMatchObject({ state: "pending", retriesUsed: 0, avoid: [{ nodeId: "a", gpuUuid: "GPU-a-0" }] });
  expect((await place(id))?.gpuUuids).toEqual(["GPU-a-1"]);
});

test("a job that no machine can start fails in the end, and says how often it was tried and where", async () => {
  const { submit, get, place, fail } = await cluster("a", "b", "c");
  const id = await submit(1);
  const tried: string[] = [];
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const gpu = (await place(id))?.gpuUuids[0] ?? "";
    tried.push(gpu);
    await fail(id, { cause: "start-failed", message: `gpu_unavailable: GPU ${gpu} is in use by somebody` });
  }
  expect(new Set(tried).size).toBe(5);
  const { state, retriesUsed, outcome } = await get(id);
  expect({ state, retriesUsed }).toEqual({ state: "failed", retriesUsed: 0 });
  expect(outcome?.message).toBe(
    `5 attempts in a row did not start; the last, on ${tried[4]?.split("-")[1]}, could not start: gpu_unavailable: GPU ${tried[4]} is in use by somebody`,
  );
});

test("failed starts in a row are charged as one failure where retries are left, and a start that works ends the row", async () => {
  const { submit, get, place, fail } = await cluster("a", "b", "c");
  const id = await submit(1, 1);
  for (let attempt = 0; attempt < 4; attempt += 1) {
    await place(id);
    await fail(id, GPU_START);
  }
  expect(await get(id)).toMatchObject({ state: "pending", retriesUsed: 0, failedStarts: 4 });
  await place(id);
  await fail(id, { cause: "lost", message: "b was lost" });
  expect(await get(id)).toMatchObject({ state: "pending", retriesUsed: 0, failedStarts: 0 });
  for (let attempt = 0; attempt < 5; attempt += 1) {
    await place(id);
    await fail(id, GPU_START);
  }
  expect(await get(id)).toMatchObject({ state: "pending", retriesUsed: 1, failedStarts: 0 });
});

test("a node where another program has the port is avoided, and neither it nor a GPU of it is blamed", async () => {
  const { stores, submit, get, place, fail } = await cluster("a", "b");
  const id = await submit(1);
  const first = (await place(id))?.nodeId ?? "";
  const why = "port_unavailable: port 8080/tcp of this node is in use by another program";
  await fail(id, { cause: "start-failed", message: why });
  expect(await get(id)).toMatchObject({ state: "pending", retriesUsed: 0, avoid: [{ nodeId: first, gpuUuid: null, why }] });
  expect((await place(id))?.nodeId).not.toBe(first);
  expect((await stores.nodes.get(first))?.controls?.charges).toBeUndefined();
});

test("a job that died while one of its GPUs fell ill avoids that GPU, and its exit code is not held against it", async () => {
  const { submit, get, place, fail } = await cluster("a", "b");
  const id = await submit(2);
  const first = await place(id);
  await fail(id, { cause: "exited", exitCode: 1 }, { [`GPU-${first?.nodeId}-1`]: "XID 79: fallen off the bus" });
  expect(await get(id)).toMatchObject({ state: "pending", retriesUsed: 0, avoid: [{ gpuUuid: `GPU-${first?.nodeId}-1` }] });
  expect((await place(id))?.nodeId).not.toBe(first?.nodeId);
});

test("a program that fails by itself blames nobody", async () => {
  const { submit, get, place, fail } = await cluster("a");
  const id = await submit(1);
  await place(id);
  await fail(id, { cause: "exited", exitCode: 1 });
  const job = await get(id);
  expect(job.state).toBe("failed");
  expect(job.avoid).toBeUndefined();
});

test("where there is no other hardware, the job tries the one that failed it again", async () => {
  const { submit, place, fail } = await cluster("a");
  const id = await submit(2);
  await place(id);
  await fail(id, GPU_START);
  expect((await place(id))?.nodeId).toBe("a");
});

test("a GPU that fails three times under two jobs is quarantined, its node goes on, and release gives it back", async () => {
  const { stores, submit, place, fail } = await cluster("a");
  for (let count = 0; count < 3; count += 1) {
    const id = await submit(1);
    expect((await place(id))?.gpuUuids).toEqual(["GPU-a-0"]);
    await fail(id, GPU_START);
    await stores.jobs
      .get(id)
      .then(async (job) => job && stores.jobs.commit(job, applyEvent(job, { type: "cancel-requested", by: "ada" }, 1), 1));
  }
  const { controls } = (await stores.nodes.get("a")) ?? {};
  expect(controls?.quarantines).toMatchObject([{ gpuUuid: "GPU-a-0" }]);
  expect(controls?.quarantines[0]?.reason).toMatch(/^3 failures of 3 jobs, the last: gpu_injection_failed/);
  expect((await place(await submit(1)))?.gpuUuids).toEqual(["GPU-a-1"]);
  const waiting = await submit(2);
  await place(waiting);
  const reason = (await stores.jobs.get(waiting))?.pendingReason;
  expect(reason).toContain("a has 1 usable of 2 (GPU 0: quarantined: 3 failures of 3 jobs");
  const released = await stores.nodes.control("a", (before) => patchControls(before, { release: true }));
  expect(released.controls).toEqual({ cordoned: false, draining: false, labels: {}, taints: [], quarantines: [] });
});

test("one job that breaks everything it touches quarantines nothing", async () => {
  const { stores, submit, place, fail } = await cluster("a");
  const id = await submit(2);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    await place(id);
    await fail(id, GPU_START);
  }
  expect((await stores.nodes.get("a"))?.controls?.quarantines).toEqual([]);
});
