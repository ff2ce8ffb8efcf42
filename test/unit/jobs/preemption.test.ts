import { describe, expect, test } from "vitest";
import { applyChange, createMemoryStores, createScheduleLoop, desiredFor, evictJobs } from "../../../src/control/jobs/index.ts";
import { snapshotOf } from "../../../src/control/jobs/snapshot-of.ts";
import { decide } from "../../../src/control/scheduler/index.ts";
import { type Job, type JobSpec, systemClock } from "../../../src/shared/domain/index.ts";
import { factsOf, specOf } from "../../support/control-samples.ts";

const T = 1_700_000_000_000;
const MINUTE = 60_000;
const UNLIMITED = { gpus: null, jobs: null, gpusPerUser: null, jobsPerUser: null };

/** One node of two GPUs, project "owner" with a quota of both, and a clock that is moved by hand. */
async function smallCluster() {
  const stores = createMemoryStores();
  let now = T;
  let syncs = 0;
  const clock = { ...systemClock(), now: () => now, monotonic: () => now };
  await stores.nodes.join("a", T);
  const sync = async () => {
    syncs += 1;
    const report = { nodeId: "a", incarnation: "i", bootId: "b", sentAt: syncs, address: "10.0.0.1", facts: factsOf("a", 2) };
    await stores.nodes.recordSync(report, now);
  };
  await sync();
  await stores.projects.put({ name: "owner", weight: 1, parent: null, quotaGpus: 2, limits: UNLIMITED });
  const nudged: string[] = [];
  const queues = { nudgeNode: async (nodeId: string) => void nudged.push(nodeId) };
  /** A control plane that starts now: it knows what is stored, and nothing else. */
  const counted: string[] = [];
  const startLoop = () =>
    createScheduleLoop({
      ...{ store: stores.jobs, nodes: stores.nodes, projects: stores.projects, decide, queues, clock },
      onPreempted: (kind) => counted.push(kind),
    });
  let loop = startLoop();
  const submit = async (project: string, spec: Partial<JobSpec> = {}) => {
    const request = { spec: specOf({ project, resources: { gpus: 2 }, ...spec }), user: "ada", idempotencyKey: null };
    return (await stores.jobs.submit(request, now)).job.id;
  };
  const pass = async (minutesLater = 0) => {
    now += minutesLater * MINUTE;
    await sync();
    await loop.pass();
  };
  const report = async (id: string, state: "running" | "exited", exitCode: number | null = null) => {
    const { epoch } = (await stores.jobs.get(id)) as Job;
    const cause = state === "exited" ? ("exited" as const) : null;
    const ended = { startedAt: now, finishedAt: state === "exited" ? now : null };
    const told = { jobId: id, epoch, rank: 0, state, message: null, cause, exitCode, usage: null, ...ended };
    return applyChange(stores.jobs, id, { type: "replica-report", nodeId: "a", report: told }, now);
  };
  const get = async (id: string) => (await stores.jobs.get(id)) as Job;
  const changeLeader = () => {
    loop = startLoop();
  };
  return { stores, nudged, counted, submit, pass, report, get, changeLeader };
}

describe("a borrower that must make room", () => {
  test("is stopped with its grace, queued again in its old place, and charged nothing", async () => {
    const { stores, nudged, counted, submit, pass, report, get } = await smallCluster();
    const guest = await submit("guest", { retries: 1 });
    await pass();
    await report(guest, "running");
    const before = await get(guest);
    const owner = await submit("owner");
    await pass(5);
    expect((await get(guest)).state).toBe("running");
    await pass(6);
    const stopping = await get(guest);
    expect([stopping.state, stopping.attempt?.stopReason]).toEqual(["stopping", "preempted"]);
    expect(desiredFor({ id: "a", state: "ready" }, [stopping])[0]?.action).toBe("stop");
    expect(nudged).toContain("a");
    expect(counted).toEqual(["guarantee"]);

    await report(guest, "exited", 143);
    const waiting = await get(guest);
    expect(waiting).toMatchObject({ state: "pending", queuedAt: before.queuedAt, retriesUsed: 0, preemptions: 1, attempt: null });
    expect(waiting.serviceMs).toBe(11 * MINUTE);
    await pass();
    expect([(await get(owner)).state, (await get(guest)).state]).toEqual(["starting", "pending"]);

    await report(owner, "running");
    await pass(60);
    expect((await get(owner)).state).toBe("running");
    await report(owner, "exited", 0);
    await pass();
    expect(await get(guest)).toMatchObject({ state: "starting", epoch: 2 });
    const types = (await stores.jobs.events(guest, null)).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(["preempted", "requeued"]));
  });

  test("has succeeded when it ended well while it was being stopped", async () => {
    const { submit, pass, report, get } = await smallCluster();
    const guest = await submit("guest");
    await pass();
    await report(guest, "running");
    await submit("owner");
    await pass(11);
    await report(guest, "exited", 0);
    expect((await get(guest)).state).toBe("succeeded");
  });

  test("stays cancelled when it is cancelled while it is being stopped", async () => {
    const { stores, submit, pass, report, get } = await smallCluster();
    const guest = await submit("guest");
    await pass();
    await report(guest, "running");
    await submit("owner");
    await pass(11);
    await applyChange(stores.jobs, guest, { type: "cancel-requested", by: "ada" }, T + 11 * MINUTE);
    await report(guest, "exited", 143);
    expect((await get(guest)).state).toBe("cancelled");
  });

  test("stops for one job only: another that is guaranteed as much, came first and counts more does not take the room, even after a change of leader", async () => {
    const { stores, submit, pass, report, get, changeLeader } = await smallCluster();
    await stores.projects.put({ name: "rival", weight: 100, parent: null, quotaGpus: 2, limits: UNLIMITED });
    const guest = await submit("guest");
    await pass();
    await report(guest, "running");
    const owner = await submit("owner");
    await pass(11);
    const waiting = await get(owner);
    expect(waiting.promise).toEqual({ nodeIds: ["a"], madeAt: T + 11 * MINUTE, until: expect.any(Number) });
    expect(waiting.pendingReason).toBe("room is being made for it on a: waits until 1 job stopped (1)");
    const rival = await submit("rival", { priority: 9 });
    changeLeader();
    await pass();
    expect([(await get(owner)).promise, (await get(rival)).promise]).toEqual([waiting.promise, undefined]);
    await report(guest, "exited", 143);
    await pass();
    expect([(await get(owner)).state, (await get(rival)).state]).toEqual(["starting", "pending"]);
    expect(await get(owner)).not.toHaveProperty("promise");
  });

  test("makes no room for ever: when its time is over without an end, the promise is one no more", async () => {
    const { stores, submit, pass, report, get } = await smallCluster();
    await stores.projects.put({ name: "rival", weight: 1, parent: null, quotaGpus: 2, limits: UNLIMITED });
    const guest = await submit("guest");
    await pass();
    await report(guest, "running");
    const owner = await submit("owner");
    await pass(11);
    const rival = await submit("rival", { priority: 9 });
    await pass(6);
    expect((await get(guest)).state).toBe("stopping");
    expect([(await get(owner)).promise, (await get(rival)).promise?.nodeIds]).toEqual([undefined, ["a"]]);
  });

  test("lets others have the room when the job it stops for is cancelled", async () => {
    const { stores, submit, pass, report, get } = await smallCluster();
    const guest = await submit("guest");
    await pass();
    await report(guest, "running");
    const owner = await submit("owner");
    await pass(11);
    await applyChange(stores.jobs, owner, { type: "cancel-requested", by: "ada" }, T + 11 * MINUTE);
    expect(await get(owner)).not.toHaveProperty("promise");
    await report(guest, "exited", 143);
    await pass();
    expect((await get(guest)).state).toBe("starting");
  });

  test("a plan made for an attempt that is over stops nothing", async () => {
    const { stores, submit, pass, get } = await smallCluster();
    const guest = await submit("guest");
    await pass();
    const same = await applyChange(stores.jobs, guest, { type: "preempted", epoch: 7, why: "x" }, T);
    expect(same).toEqual(await get(guest));
  });
});

test("what projects hold is counted as they use it", async () => {
  const { stores, submit, pass } = await smallCluster();
  await submit("guest");
  await pass();
  await pass(30);
  await pass(30);
  const usages = await stores.projects.usages();
  expect(usages.get("guest")?.value).toBeCloseTo(1, 1);
  expect(usages.get("owner")?.value).toBe(0);
});

describe("a job that acknowledges checkpoints", () => {
  const spec = { checkpoint: { signal: "SIGUSR1", graceSeconds: 300, intervalSeconds: null } };
  const told = (job: Job, checkpointAt: number) => ({
    ...{ jobId: job.id, epoch: job.epoch, rank: 0, state: "running" as const, message: null, cause: null },
    ...{ exitCode: null, startedAt: T, finishedAt: null, usage: null, checkpointAt },
  });

  test("is a cheap victim, is asked first when it must stop, and still knows its checkpoint when it waits again", async () => {
    const { stores, submit, pass, report, get } = await smallCluster();
    const guest = await submit("guest", spec);
    await pass();
    await report(guest, "running");
    const saved = async (at: number) =>
      applyChange(stores.jobs, guest, { type: "replica-report", nodeId: "a", report: told(await get(guest), at) }, T + 20 * MINUTE);
    await saved(T + 5 * MINUTE);
    const later = await saved(T + 4 * MINUTE);
    expect(later.attempt?.replicas[0]?.checkpointAt).toBe(T + 5 * MINUTE);
    expect(snapshotOf([], { pending: [], active: [later] }).active[0]).toMatchObject({
      checkpointAt: T + 5 * MINUTE,
      stopGraceMs: 330_000,
    });
    expect((await saved(T + 999 * MINUTE)).attempt?.replicas[0]?.checkpointAt).toBe(T + 20 * MINUTE);
    await submit("owner");
    await pass(11);
    const [stopping] = desiredFor({ id: "a", state: "ready" }, [await get(guest)]);
    expect(stopping).toMatchObject({ action: "stop", checkpointFirst: true, spec: { checkpoint: spec.checkpoint } });
    await report(guest, "exited", 143);
    const waiting = await get(guest);
    expect(waiting).toMatchObject({ state: "pending", attempt: null, checkpointAt: T + 20 * MINUTE });
  });

  test("is not asked when its user cancels it, and counts its restarts", async () => {
    const { stores, submit, pass, report, get } = await smallCluster();
    const job = await submit("guest", { ...spec, retries: 1 });
    await pass();
    await report(job, "exited", 1);
    await pass();
    const [second] = desiredFor({ id: "a", state: "ready" }, [await get(job)]);
    expect(second?.spec.env).toMatchObject({ BERTH_EPOCH: "2", BERTH_RESTART_COUNT: "1" });
    await applyChange(stores.jobs, job, { type: "cancel-requested", by: "ada" }, T);
    expect(desiredFor({ id: "a", state: "ready" }, [await get(job)])[0]).not.toHaveProperty("checkpointFirst");
  });

  test("makes room when its node is emptied for maintenance", async () => {
    const { stores, submit, pass, report, get } = await smallCluster();
    const job = await submit("guest", spec);
    await pass();
    await report(job, "running");
    expect((await evictJobs(stores.jobs, "a", "node a is drained", T)).map(({ id }) => id)).toEqual([job]);
    expect(await get(job)).toMatchObject({ state: "stopping", attempt: { stopReason: "preempted" } });
    expect(await evictJobs(stores.jobs, "a", "node a is drained", T)).toEqual([]);
  });
});
