import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applyChange, applyEvent, followEvents, type JobChange, type Stores } from "../../src/control/jobs/index.ts";
import type { Assignment, GpuCondition, GpuShare, Job, JobEvent } from "../../src/shared/domain/index.ts";
import { GIB, specOf } from "../support/control-samples.ts";
import { storeAdapters } from "./jobs-adapters.ts";

const T = 1_700_000_000_000;

const HALF: GpuShare = { millis: 500, memoryBytes: 40 * GIB, gpuMemoryBytes: 80 * GIB, sharing: "time-slice" };

function at(nodeId: string, ...gpuUuids: string[]): Assignment[] {
  return [{ rank: 0, nodeId, nodeAddress: "10.0.0.1", gpuUuids }];
}

async function submit(stores: Stores, changes: Parameters<typeof specOf>[0] = {}, user = "ada"): Promise<Job> {
  return (await stores.jobs.submit({ spec: specOf(changes), user, idempotencyKey: null }, T)).job;
}

async function place(stores: Stores, job: Job, assignments: Assignment[], revision?: number): Promise<Job> {
  return stores.jobs.commit(job, applyEvent(job, { type: "placed", assignments }, T), T, revision);
}

function exitReport(job: Job, nodeId: string, exitCode: number): JobChange {
  const report = {
    jobId: job.id,
    epoch: job.epoch,
    rank: 0,
    state: "exited" as const,
    message: null,
    cause: "exited" as const,
    exitCode,
    startedAt: T,
    finishedAt: T,
    usage: null,
  };
  return { type: "replica-report", nodeId, report };
}

/** What every adapter of the job store promises. */
describe.each(storeAdapters())("stores over $name", ({ open, close }) => {
  let stores: Stores;
  beforeAll(async () => {
    stores = await open();
  });
  afterAll(close);

  test("ids count up and a submitted job reads back as it was", async () => {
    const first = await submit(stores, { env: { GREETING: "grüß Gott ☃" }, labels: { team: "vision" } });
    const second = await submit(stores);
    expect(Number(second.id)).toBe(Number(first.id) + 1);
    expect(await stores.jobs.get(first.id)).toEqual(first);
    expect(await stores.jobs.get("999999")).toBeNull();
  });

  test("what an image requires is written into a waiting job once, and never into one that has been placed", async () => {
    const requirements: GpuCondition[][][] = [[[{ subject: "cuda", operator: ">=", value: "12.4" }]]];
    const lookedUp = {
      type: "image-looked-up" as const,
      requirements,
      digest: `sha256:${"1".repeat(64)}`,
      architectures: ["amd64"],
      layers: [{ key: "0123456789ab", sizeBytes: 2 ** 30 }],
      note: "x requires cuda >= 12.4",
    } satisfies JobChange;
    const waiting = await submit(stores);
    const told = await applyChange(stores.jobs, waiting.id, lookedUp, T);
    expect(told).toMatchObject({
      state: "pending",
      version: waiting.version + 1,
      imageRequirements: requirements,
      imageDigest: lookedUp.digest,
      imageArchitectures: ["amd64"],
      imageLayers: lookedUp.layers,
    });
    expect(await applyChange(stores.jobs, waiting.id, { ...lookedUp, requirements: [] }, T)).toEqual(told);
    expect(await stores.jobs.get(waiting.id)).toEqual(told);
    expect((await stores.jobs.events(waiting.id, null)).filter(({ type }) => type === "image")).toHaveLength(1);

    const job = await submit(stores);
    const late = applyEvent(job, lookedUp, T);
    const placed = await place(stores, job, at("look-up-node"));
    await expect(stores.jobs.commit(job, late, T)).rejects.toMatchObject({ code: "conflict" });
    expect(await applyChange(stores.jobs, job.id, lookedUp, T)).toEqual(placed);
  });

  test("an idempotency key makes one job for one spec and user", async () => {
    const request = { spec: specOf({ name: "once" }), user: "ada", idempotencyKey: "k1" };
    const first = await stores.jobs.submit(request, T);
    const again = await stores.jobs.submit(request, T + 5);
    expect([first.replayed, again.replayed]).toEqual([false, true]);
    expect(again.job).toEqual(first.job);
    await expect(stores.jobs.submit({ ...request, spec: specOf({ name: "other" }) }, T)).rejects.toMatchObject({
      code: "idempotency_conflict",
    });
    expect((await stores.jobs.submit({ ...request, user: "bob" }, T)).job.id).not.toBe(first.job.id);
  });

  test("many submissions with one key at once make one job", async () => {
    const request = { spec: specOf({ name: "race" }), user: "ada", idempotencyKey: "k2" };
    const results = await Promise.all(Array.from({ length: 20 }, () => stores.jobs.submit(request, T)));
    expect(new Set(results.map(({ job }) => job.id)).size).toBe(1);
    expect(results.filter(({ replayed }) => !replayed)).toHaveLength(1);
  });

  test("a row that changed in the meantime refuses the write", async () => {
    const job = await submit(stores);
    await applyChange(stores.jobs, job.id, { type: "pending-reason", reason: "no node has joined yet" }, T);
    await expect(place(stores, job, at("n1"))).rejects.toMatchObject({ code: "conflict" });
    expect((await stores.jobs.get(job.id))?.state).toBe("pending");
  });

  test("of many writers at once exactly one wins", async () => {
    const job = await submit(stores);
    const results = await Promise.allSettled(Array.from({ length: 10 }, (_, index) => place(stores, job, at(`w${index}`))));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("a GPU that another job owns refuses the whole placement, and is free when the attempt has ended", async () => {
    const [owner, other] = [await submit(stores), await submit(stores)];
    const running = await place(stores, owner, at("gpu-node", "GPU-1", "GPU-2"));
    await expect(place(stores, other, at("gpu-node", "GPU-0", "GPU-2"))).rejects.toMatchObject({
      code: "conflict",
      details: { claim: "gpu-node/GPU-2", owner: owner.id },
    });
    expect((await stores.jobs.get(other.id))?.state).toBe("pending");
    const third = await submit(stores);
    await place(stores, third, at("gpu-node", "GPU-0"));
    await applyChange(stores.jobs, owner.id, exitReport(running, "gpu-node", 0), T);
    expect((await place(stores, other, at("gpu-node", "GPU-2"))).state).toBe("starting");
  });

  test("parts of a GPU are given up to its whole and its memory, to one project and one way of sharing, and come back", async () => {
    const part = (gpu: string, changes: Partial<GpuShare> = {}): Assignment[] => [
      { ...(at("shared", gpu)[0] as Assignment), gpuShare: { ...HALF, ...changes } },
    ];
    const jobs = await Promise.all(Array.from({ length: 4 }, () => submit(stores, { project: "red" })));
    const [first, second, third, fourth] = jobs as [Job, Job, Job, Job];
    const foreign = await submit(stores, { project: "blue" });
    const running = await place(stores, first, part("GPU-1", { millis: 400 }));
    const refused = (job: Job, assignments: Assignment[], message: RegExp) =>
      expect(place(stores, job, assignments)).rejects.toMatchObject({ code: "conflict", message: expect.stringMatching(message) });
    await refused(second, at("shared", "GPU-1"), /GPU-1 is shared by/);
    await refused(second, part("GPU-1", { millis: 601 }), /no room left/);
    await refused(second, part("GPU-1", { memoryBytes: 41 * GIB }), /no room left/);
    await refused(second, part("GPU-1", { sharing: "mps" }), /shared by time-slice/);
    await refused(foreign, part("GPU-1"), /shared by project red/);
    await place(stores, second, part("GPU-1"));
    await place(stores, foreign, part("GPU-1", { millis: 100, memoryBytes: 0, acrossProjects: true }));
    await refused(third, part("GPU-1", { millis: 1, memoryBytes: 0, acrossProjects: true }), /no room left/);
    await applyChange(stores.jobs, first.id, exitReport(running, "shared", 0), T);
    expect((await place(stores, third, part("GPU-1", { millis: 400, acrossProjects: true }))).state).toBe("starting");
    // Two replicas of one job on a GPU count together.
    const both = (millis: number) => [0, 1].map((rank): Assignment => ({ ...(part("GPU-2", { millis })[0] as Assignment), rank }));
    const gang = await submit(stores, { replicas: 2, project: "red" });
    await refused(gang, both(501), /no room left/);
    await expect(place(stores, gang, both(500))).resolves.toMatchObject({ state: "starting" });
    await refused(fourth, part("GPU-2", { millis: 1, memoryBytes: 0 }), /no room left/);
  });

  test("a placement made from an outdated view is refused", async () => {
    const [left, right] = [await submit(stores), await submit(stores)];
    const { revision } = await stores.jobs.queue(100);
    await place(stores, left, at("n7"), revision);
    await expect(place(stores, right, at("n7"), revision)).rejects.toMatchObject({ code: "conflict" });
    expect((await place(stores, right, at("n7"), revision + 1)).state).toBe("starting");
  });

  test("the queue gives pending jobs by priority, age and id, and active ones apart", async () => {
    const fresh = await open();
    const low = await submit(fresh, { priority: -5 });
    const first = await submit(fresh);
    const second = await submit(fresh);
    const high = await submit(fresh, { priority: 7 });
    const active = await submit(fresh);
    await place(fresh, active, at("n1"));
    const view = await fresh.jobs.queue(3);
    expect(view.pending.map(({ id }) => id)).toEqual([high.id, first.id, second.id]);
    expect(view.pendingBeyond).toBe(1);
    expect(view.active.map(({ id }) => id)).toEqual([active.id]);
    expect((await fresh.jobs.queue(100)).pending.at(-1)?.id).toBe(low.id);
    expect(await fresh.jobs.counts()).toEqual({ pending: 4, starting: 1, running: 0, stopping: 0, succeeded: 0, failed: 0, cancelled: 0 });
  });

  test("more than ten jobs of equal age keep the order of their ids", async () => {
    const fresh = await open();
    const ids = [];
    for (let index = 0; index < 12; index += 1) ids.push((await submit(fresh)).id);
    expect((await fresh.jobs.queue(100)).pending.map(({ id }) => id)).toEqual(ids);
  });

  test("room promised to a job stays with its row, is read with the queue, and ends with its start or when it is taken back", async () => {
    const promise = { nodeIds: ["n1", "n2"], madeAt: T, until: T + 330_000 };
    const promised = (job: Job, given: typeof promise | null) => applyEvent(job, { type: "room-promised", promise: given }, T);
    const [starts, waits] = [await submit(stores), await submit(stores)];
    const first = await stores.jobs.commit(starts, promised(starts, promise), T);
    const second = await stores.jobs.commit(waits, promised(waits, promise), T);
    const queued = (await stores.jobs.queue(1000)).pending.filter(({ id }) => id === starts.id || id === waits.id);
    expect(queued.map((job) => job.promise)).toEqual([promise, promise]);
    expect(promised(second, promise).job).toBe(second);
    await place(stores, first, at("n9", "GPU-promised"));
    await stores.jobs.commit(second, promised(second, null), T);
    for (const { id } of [starts, waits]) expect(await stores.jobs.get(id)).not.toHaveProperty("promise");
    await expect(stores.jobs.commit(waits, promised(waits, promise), T)).rejects.toMatchObject({ code: "conflict" });
  });

  test("a leader that another has replaced promises nothing", async () => {
    const job = await submit(stores);
    const fence = (await stores.leader.acquire("first", 1)) ?? 0;
    await expect.poll(() => stores.leader.acquire("second", 60_000)).toBeGreaterThan(fence);
    const promise = { nodeIds: ["n1"], madeAt: T, until: T + 1000 };
    const transition = applyEvent(job, { type: "room-promised", promise }, T);
    await expect(stores.jobs.commit(job, transition, T, undefined, fence)).rejects.toMatchObject({ code: "conflict" });
    await stores.leader.release("second");
  });

  test("a node's jobs are those with an active attempt on it", async () => {
    const job = await submit(stores);
    const placed = await place(stores, job, at("n-index"));
    expect((await stores.jobs.onNode("n-index")).map(({ id }) => id)).toEqual([job.id]);
    await applyChange(stores.jobs, job.id, exitReport(placed, "n-index", 3), T);
    expect(await stores.jobs.onNode("n-index")).toEqual([]);
    expect((await stores.jobs.get(job.id))?.outcome).toMatchObject({ cause: "exited", exitCode: 3 });
  });

  test("the history tells the job's life in order, and can be read from where one left off", async () => {
    const job = await submit(stores);
    const placed = await place(stores, job, at("n1"));
    await applyChange(stores.jobs, job.id, exitReport(placed, "n1", 0), T + 9);
    const events = await stores.jobs.events(job.id, null);
    expect(events.map(({ type }) => type)).toEqual(["submitted", "placed", "replica-exited", "succeeded"]);
    expect(events[1]).toMatchObject({ jobId: job.id, epoch: 1, at: T, message: "placed on n1" });
    expect((await stores.jobs.events(job.id, events[1]?.id ?? null)).map(({ type }) => type)).toEqual(["replica-exited", "succeeded"]);
  });

  test("a followed history ends with the job and misses nothing", async () => {
    const job = await submit(stores);
    const seen: JobEvent[] = [];
    const following = (async () => {
      for await (const event of followEvents(stores.jobs, job.id, null, new AbortController().signal)) seen.push(event);
    })();
    const placed = await place(stores, job, at("n-follow"));
    await applyChange(stores.jobs, job.id, exitReport(placed, "n-follow", 1), T);
    await following;
    expect(seen.map(({ type }) => type)).toEqual(["submitted", "placed", "replica-exited", "failed"]);
  });

  test("a wait for a change ends with the change or the signal", async () => {
    const job = await submit(stores);
    const controller = new AbortController();
    const change = stores.jobs.changed(job.id, 60_000, new AbortController().signal);
    const aborted = stores.jobs.changed(job.id, 60_000, controller.signal);
    controller.abort();
    await aborted;
    await applyChange(stores.jobs, job.id, { type: "cancel-requested", by: "ada" }, T);
    await change;
  });
});
