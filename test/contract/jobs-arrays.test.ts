import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  applyChange,
  applyToArray,
  cancelTasks,
  createScheduleLoop,
  findJobOrTask,
  retryArray,
  type Stores,
} from "../../src/control/jobs/index.ts";
import { decide } from "../../src/control/scheduler/index.ts";
import { type Job, parseTaskIndexes, systemClock } from "../../src/shared/domain/index.ts";
import { factsOf, specOf } from "../support/control-samples.ts";
import { storeAdapters } from "./jobs-adapters.ts";

const T = 1_700_000_000_000;

/** What every adapter promises of job arrays: seen through the schedule loop, as the control plane uses them. */
describe.each(storeAdapters())("arrays over $name", ({ open, close }) => {
  let stores: Stores;
  let now = T;
  let syncs = 0;
  beforeAll(async () => {
    stores = await open();
    await stores.nodes.join("a", T);
  });
  afterAll(close);

  const loop = () => {
    const queues = { nudgeNode: async () => {} };
    const clock = { ...systemClock(), now: () => now, monotonic: () => now };
    return createScheduleLoop({
      store: stores.jobs,
      arrays: stores.arrays,
      nodes: stores.nodes,
      projects: stores.projects,
      decide,
      queues,
      clock,
    });
  };
  const pass = async () => {
    syncs += 1;
    const report = { nodeId: "a", incarnation: "i", bootId: "b", sentAt: syncs, address: "10.0.0.1", facts: factsOf("a", 4) };
    await stores.nodes.recordSync(report, now);
    return loop().pass();
  };
  const submit = async (indexes: string, limit: number | null = null, changes: Parameters<typeof specOf>[0] = {}) => {
    const spec = specOf({ resources: { gpus: 1 }, ...changes, array: { indexes, limit } });
    return (await stores.jobs.submit({ spec, user: "ada", idempotencyKey: null }, now)).job;
  };
  const find = async (name: string) => (await findJobOrTask(stores, name)) as Job;
  const end = async ({ id, epoch }: Job, exitCode: number) => {
    const told = { jobId: id, epoch, rank: 0, message: null, usage: null, startedAt: now };
    const exited = { ...told, state: "exited" as const, cause: "exited" as const, exitCode, finishedAt: now };
    await applyChange(stores.jobs, id, { type: "replica-report", nodeId: "a", report: exited }, now);
  };
  /** Ends every task that has a place, until the array has ended. */
  const drain = async (array: Job, codeOf: (index: number) => number = () => 0) => {
    for (let turn = 0; turn < 50; turn += 1) {
      await pass();
      for (const job of await stores.arrays.liveTasks(array.id)) if (job.state === "starting") await end(job, codeOf(job.task?.index ?? 0));
      const row = (await stores.jobs.get(array.id)) as Job;
      if (row.finishedAt !== null) return row;
    }
    throw new Error("the array never ended");
  };

  test("an array of 100,000 tasks is one row when it is submitted, and has few more while it waits", async () => {
    const array = await submit("0-99999", null, { priority: -10 });
    const rows = async () => (await stores.jobs.list({ tasks: true }, { limit: 1000, cursor: null })).items.length;
    expect(await rows()).toBe(1);
    expect((await stores.jobs.queue(1000)).pending).toEqual([]);
    await pass();
    await pass();
    const row = (await stores.jobs.get(array.id)) as Job;
    const { pending, starting } = row.array?.tasks ?? { pending: 0, starting: 0 };
    expect({ pending, starting, state: row.state }).toEqual({ pending: 64, starting: 4, state: "running" });
    expect(row.array?.waiting).toBe("68-99999");
    expect(await rows()).toBe(69);
    const cancelled = await cancelTasks({ jobs: stores.jobs, arrays: stores.arrays, by: "ada", now }, array.id, null);
    expect(cancelled.stopped).toHaveLength(68);
    for (const job of await stores.arrays.liveTasks(array.id)) await end(job, 143);
    await pass();
    expect(await stores.jobs.get(array.id)).toMatchObject({
      state: "cancelled",
      outcome: { message: "100000 of 100000 tasks were cancelled" },
    });
  });

  test("tasks have jobs of their own that share the array's spec, and the limit holds", async () => {
    const array = await submit("0-8:2,20", 2, { name: "sweep", env: { LR: "1" } });
    await pass();
    const first = await find(`${array.id}_0`);
    expect(first).toMatchObject({ state: "starting", task: { arrayId: array.id, index: 0 }, spec: array.spec, user: "ada" });
    expect(await stores.jobs.get(first.id)).toEqual(first);
    expect((await find("sweep")).id).toBe(array.id);
    expect(await find(`${array.id}_4`)).toMatchObject({ id: `${array.id}_4`, state: "pending" });
    await expect(find(`${array.id}_1`)).rejects.toMatchObject({ code: "job_not_found" });
    await pass();
    expect((await stores.arrays.liveTasks(array.id)).map(({ task }) => task?.index)).toEqual([0, 2]);
    const ended = await drain(array);
    expect(ended).toMatchObject({ state: "succeeded", outcome: { exitCode: 0, message: "all 6 tasks succeeded" } });
    const page = await stores.jobs.list({ array: array.id }, { limit: 100, cursor: null });
    expect(page.items.map(({ task }) => task?.index)).toEqual([20, 8, 6, 4, 2, 0]);
    expect(await stores.arrays.unfinished()).toEqual([]);
  });

  test("what is told of the array's image while its tasks start is told once, and the tasks that follow have it", async () => {
    const array = await submit("0-5", 2);
    await pass();
    const change = {
      type: "image-looked-up" as const,
      requirements: [],
      digest: `sha256:${"2".repeat(64)}`,
      architectures: ["amd64"],
      layers: [{ key: "0123456789ab", sizeBytes: 2 ** 30 }],
      note: "x",
    };
    await Promise.all([applyToArray(stores, array.id, change, now), pass()]);
    await applyToArray(stores, array.id, { ...change, digest: `sha256:${"3".repeat(64)}` }, now);
    const row = (await stores.jobs.get(array.id)) as Job;
    expect(row).toMatchObject({ state: "running", imageDigest: change.digest, imageArchitectures: ["amd64"] });
    await drain(array);
    expect(await find(`${array.id}_0`)).not.toHaveProperty("imageDigest");
    expect(await find(`${array.id}_5`)).toMatchObject({
      state: "succeeded",
      imageDigest: change.digest,
      imageArchitectures: ["amd64"],
      imageLayers: change.layers,
    });
    expect((await stores.jobs.events(array.id, null)).filter(({ type }) => type === "image")).toHaveLength(1);
  });

  test("an array ends with its highest exit code and names what failed; a retry runs only those again", async () => {
    const array = await submit("0-4");
    const failed = await drain(array, (index) => (index % 2 === 1 ? index + 1 : 0));
    expect(failed).toMatchObject({ state: "failed", outcome: { exitCode: 4, message: `2 of 5 tasks failed: ${array.id}_[1,3]` } });
    const before = await find(`${array.id}_1`);
    const change = { jobs: stores.jobs, arrays: stores.arrays, by: "ada", now };
    const again = await retryArray(change, array.id, null);
    expect(again).toMatchObject({ state: "running", outcome: null, array: { waiting: "1,3", tasks: { failed: 0, succeeded: 3 } } });
    const mended = await drain(array);
    expect(mended).toMatchObject({ state: "succeeded", array: { tasks: { succeeded: 5 } } });
    expect((await find(`${array.id}_1`)).id).not.toBe(before.id);
    await expect(retryArray(change, array.id, null)).rejects.toMatchObject({ code: "conflict" });
    await expect(retryArray(change, array.id, parseTaskIndexes("9"))).rejects.toMatchObject({ code: "invalid_request" });
  });

  test("some tasks are cancelled, with a row or without, and the others go on", async () => {
    const array = await submit("0-9", 2);
    await pass();
    const change = { jobs: stores.jobs, arrays: stores.arrays, by: "bob", now };
    const { stopped } = await cancelTasks(change, array.id, parseTaskIndexes("1,7-9"));
    expect(stopped.map(({ task, state }) => [task?.index, state])).toEqual([[1, "stopping"]]);
    expect(await find(`${array.id}_8`)).toMatchObject({ state: "cancelled", outcome: { cause: "cancelled" } });
    for (const job of stopped) await end(job, 143);
    expect(await drain(array)).toMatchObject({ state: "cancelled", outcome: { message: "4 of 10 tasks were cancelled" } });
    const tasks = (await stores.jobs.list({ array: array.id }, { limit: 100, cursor: null })).items;
    expect(tasks.filter(({ state }) => state === "succeeded").map(({ task }) => task?.index)).toEqual([6, 5, 4, 3, 2, 0]);
    const row = await retryArray(change, array.id, parseTaskIndexes("0-3,8"));
    expect(row.array).toMatchObject({ waiting: "1,8", dropped: 2 });
    expect(await drain(array)).toMatchObject({ state: "cancelled", array: { tasks: { succeeded: 8 }, dropped: 2 } });
  });

  test("of two that step an array at once one is refused, and no task gets two rows", async () => {
    const array = await submit("0-199", null, { priority: -5 });
    const row = (await stores.jobs.get(array.id)) as Job;
    const step = { array: { ...row, version: row.version + 1 }, start: [0, 1, 2], again: [], history: [] };
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => stores.arrays.step(row, step, now)));
    expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await stores.arrays.indexes(array.id)).toHaveLength(3);
    await cancelTasks({ jobs: stores.jobs, arrays: stores.arrays, by: "ada", now }, array.id, null);
  });

  test("a job that comes after a long array waits behind the tasks with a row only", async () => {
    now += 1000;
    const array = await submit("0-999");
    await pass();
    now += 1000;
    const late = (await stores.jobs.submit({ spec: specOf({ resources: { gpus: 1 } }), user: "eve", idempotencyKey: null }, now)).job;
    let finished = 0;
    while (((await stores.jobs.get(late.id)) as Job).state === "pending") {
      now += 1000;
      for (const job of await stores.arrays.liveTasks(array.id)) {
        if (job.state === "starting") {
          await end(job, 0);
          finished += 1;
        }
      }
      await pass();
    }
    expect(finished).toBeLessThanOrEqual(64 + 4);
    await cancelTasks({ jobs: stores.jobs, arrays: stores.arrays, by: "ada", now }, array.id, null);
  });

  test("a user's limit counts tasks, and a long array of one project does not keep another's job from its share", async () => {
    const limits = { gpus: null, jobs: null, gpusPerUser: null, jobsPerUser: 3 };
    for (const name of ["vision", "speech"]) await stores.projects.put({ name, weight: 1, parent: null, quotaGpus: 0, limits });
    const array = await submit("0-99", null, { project: "vision", resources: { gpus: 0 } });
    await pass();
    const other = specOf({ project: "speech", resources: { gpus: 0 } });
    const { job } = await stores.jobs.submit({ spec: other, user: "eve", idempotencyKey: null }, now + 60_000);
    await pass();
    expect((await stores.jobs.get(array.id))?.array?.tasks).toMatchObject({ starting: 3, pending: 64 });
    expect((await stores.jobs.get(job.id))?.state).toBe("starting");
    const waits = (await stores.arrays.liveTasks(array.id)).find(({ state }) => state === "pending");
    expect(waits?.pendingReason).toBe("user ada in project vision may hold 3 jobs; it holds 3 and this job asks 1");
    for (const name of ["vision", "speech"]) await stores.projects.remove(name);
    await cancelTasks({ jobs: stores.jobs, arrays: stores.arrays, by: "ada", now }, array.id, null);
  });
});
