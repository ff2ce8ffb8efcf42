import { beforeEach, describe, expect, test } from "vitest";
import {
  createMemoryStores,
  createNodeSync,
  createScheduleLoop,
  type NodeSync,
  type ScheduleLoop,
  type Stores,
} from "../../../src/control/jobs/index.ts";
import { decide } from "../../../src/control/scheduler/index.ts";
import type { Clock } from "../../../src/shared/domain/index.ts";
import type { ReplicaReport, SyncRequest, SyncResponse } from "../../../src/shared/wire/index.ts";
import { factsOf, specOf } from "../../support/control-samples.ts";

let stores: Stores;
let sync: NodeSync;
let loop: ScheduleLoop;
let time: number;
let hints: string[];

beforeEach(async () => {
  time = 0;
  hints = [];
  stores = createMemoryStores();
  const clock: Clock = { now: () => 1.7e12 + time, monotonic: () => time, sleep: async () => {} };
  const parts = { store: stores.jobs, nodes: stores.nodes, clock };
  sync = createNodeSync({ ...parts, wakeScheduler: (reason) => hints.push(reason), nudgeNode: (nodeId) => hints.push(`nudge ${nodeId}`) });
  loop = createScheduleLoop({ ...parts, decide, queues: { nudgeNode: async (nodeId) => void hints.push(`nudge ${nodeId}`) } });
  for (const name of ["node-a", "node-b"]) await stores.nodes.join(name, 0);
});

function hear(nodeId: string, replicas: ReplicaReport[] = [], changes: Partial<SyncRequest> = {}): Promise<SyncResponse> {
  time += 100;
  return sync.sync({
    protocol: 1,
    nodeId,
    incarnation: "i1",
    bootId: "b1",
    sentAt: time,
    address: "10.0.0.1",
    facts: factsOf(nodeId, 2),
    replicas,
    ...changes,
  });
}

function report(epoch: number, state: ReplicaReport["state"], rank = 0, exitCode: number | null = 0): ReplicaReport {
  const ended = state === "exited";
  return {
    jobId: "1",
    epoch,
    rank,
    state,
    message: null,
    cause: ended ? "exited" : null,
    exitCode: ended ? exitCode : null,
    startedAt: null,
    finishedAt: null,
    usage: null,
  };
}

async function submit(changes: Parameters<typeof specOf>[0] = {}) {
  return (await stores.jobs.submit({ spec: specOf(changes), user: "ada", idempotencyKey: null }, 1.7e12)).job.id;
}

const state = async () => (await stores.jobs.get("1"))?.state;
const wanted = ({ desired }: SyncResponse) => desired.map(({ jobId, epoch, rank, action }) => `${action} ${jobId}-${epoch}-${rank}`);

test("a job goes through the whole loop", async () => {
  const first = await hear("node-a");
  expect(first).toEqual({ echo: 100, leaseSeconds: 60, intervalSeconds: 3, desired: [] });
  await submit({ resources: { gpus: 2 } });
  const { placed } = await loop.pass();
  expect(placed.map(({ id }) => id)).toEqual(["1"]);
  expect(hints).toContain("nudge node-a");
  expect(wanted(await hear("node-a"))).toEqual(["run 1-1-0"]);
  expect(wanted(await hear("node-a", [report(1, "running")]))).toEqual(["run 1-1-0"]);
  expect(await state()).toBe("running");
  expect(wanted(await hear("node-a", [report(1, "exited", 0, 0)]))).toEqual([]);
  expect(await state()).toBe("succeeded");
  expect(hints).toContain("jobs ended on node-a");
});

test("a pending job's reason is written once, not at every pass", async () => {
  await submit();
  expect((await loop.pass()).reasonsWritten).toBe(1);
  expect((await loop.pass()).reasonsWritten).toBe(0);
  expect((await stores.jobs.get("1"))?.pendingReason).toBe("no node has joined yet");
});

test("a gang that must stop is told to the other nodes at once", async () => {
  await hear("node-a");
  await hear("node-b");
  await submit({ replicas: 2, resources: { gpus: 2 } });
  await loop.pass();
  hints = [];
  await hear("node-a", [report(1, "exited", 0, 1)]);
  expect(hints).toContain("nudge node-b");
  expect(wanted(await hear("node-b", [report(1, "running", 1)]))).toEqual(["stop 1-1-1"]);
});

describe("a replica that its node has no trace of", () => {
  test("is still to be started when it has not run yet", async () => {
    await hear("node-a");
    await submit();
    await loop.pass();
    await hear("node-a");
    time += 200_000;
    expect(wanted(await hear("node-a"))).toEqual(["run 1-1-0"]);
    await hear("node-a", [report(1, "preparing")]);
    expect(wanted(await hear("node-a", [], { incarnation: "i2" }))).toEqual(["run 1-1-0"]);
  });

  test("is to be stopped when it has run, and is queued again after lease and grace, not before", async () => {
    await hear("node-a");
    await submit();
    await loop.pass();
    await hear("node-a", [report(1, "running")]);
    expect(wanted(await hear("node-a", [], { incarnation: "i2" }))).toEqual(["stop 1-1-0"]);
    time += 69_000;
    expect(wanted(await hear("node-a", [], { incarnation: "i2" }))).toEqual(["stop 1-1-0"]);
    time += 1000;
    expect(wanted(await hear("node-a", [], { incarnation: "i2" }))).toEqual([]);
    expect(await stores.jobs.get("1")).toMatchObject({ state: "pending", retriesUsed: 0 });
  });

  test("is forgiven when it turns up again in time", async () => {
    await hear("node-a");
    await submit();
    await loop.pass();
    await hear("node-a", [report(1, "running")]);
    await hear("node-a");
    time += 60_000;
    expect(wanted(await hear("node-a", [report(1, "running")]))).toEqual(["run 1-1-0"]);
    time += 60_000;
    await hear("node-a");
    expect(await state()).toBe("running");
  });
});

describe("a node that is lost", () => {
  test("loses its attempts after lease and grace; its late sync is granted nothing until it is readmitted", async () => {
    await hear("node-a");
    await submit({ resources: { gpus: 1 } });
    await loop.pass();
    await hear("node-a", [report(1, "running")]);
    await loop.pass();
    time += 69_000;
    expect((await loop.pass()).lost).toEqual([]);
    expect((await stores.nodes.get("node-a"))?.state).toBe("suspect");
    time += 1500;
    expect((await loop.pass()).lost).toEqual(["node-a"]);
    expect(await state()).toBe("pending");
    expect(wanted(await hear("node-a", [report(1, "running")]))).toEqual([]);
    expect((await stores.nodes.get("node-a"))?.state).toBe("lost");
    await loop.pass();
    expect((await stores.nodes.get("node-a"))?.state).toBe("ready");
    expect(wanted(await hear("node-a"))).toEqual(["run 1-2-0"]);
  });

  test("by a reboot loses them at once", async () => {
    await hear("node-a");
    await submit();
    await loop.pass();
    await hear("node-a", [report(1, "running")]);
    await loop.pass();
    expect(wanted(await hear("node-a", [], { bootId: "b2", incarnation: "i2", sentAt: 1 }))).toEqual([]);
    await loop.pass();
    expect(await stores.jobs.get("1")).toMatchObject({ state: "starting", epoch: 2 });
  });
});

test("another protocol version is refused with the remedy", async () => {
  await expect(hear("node-a", [], { protocol: 2 })).rejects.toMatchObject({ code: "invalid_request" });
});

test("a report about somebody else's job changes nothing", async () => {
  await hear("node-a");
  await hear("node-b");
  await submit();
  await loop.pass();
  const owner = (await stores.jobs.get("1"))?.attempt?.assignments[0]?.nodeId;
  await hear(owner === "node-a" ? "node-b" : "node-a", [report(1, "exited", 0, 0), { ...report(4, "running"), jobId: "77" }]);
  expect(await state()).toBe("starting");
});
