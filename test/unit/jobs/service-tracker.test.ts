import { describe, expect, test } from "vitest";
import { applyChange, createMemoryStores, createScheduleLoop } from "../../../src/control/jobs/index.ts";
import { type ClusterSnapshot, decide } from "../../../src/control/scheduler/index.ts";
import { type Job, systemClock } from "../../../src/shared/domain/index.ts";
import { factsOf, specOf } from "../../support/control-samples.ts";

const T = 1_700_000_000_000;
const MINUTE = 60_000;

/** One node of one GPU under the service policy, after a history of short "eval" and long "train" jobs of one user. */
async function experiencedCluster() {
  const stores = createMemoryStores();
  let now = T;
  let syncs = 0;
  const clock = { ...systemClock(), now: () => now, monotonic: () => now };
  await stores.nodes.join("a", T);
  let seen: ClusterSnapshot = { nodes: [], pending: [], active: [] };
  const start = () => {
    const queues = { nudgeNode: async () => {} };
    const watched: typeof decide = (snapshot, at) => {
      seen = snapshot;
      return decide(snapshot, at);
    };
    const loop = createScheduleLoop({ store: stores.jobs, nodes: stores.nodes, queueing: "service", decide: watched, queues, clock });
    return async (minutes = 0) => {
      now += minutes * MINUTE;
      syncs += 1;
      await stores.nodes.recordSync(
        { nodeId: "a", incarnation: "i", bootId: "b", sentAt: syncs, address: "10.0.0.1", facts: factsOf("a", 1) },
        now,
      );
      await loop.pass();
    };
  };
  const submit = async (name: string) => {
    const request = { spec: specOf({ name, resources: { gpus: 1 } }), user: "ada", idempotencyKey: null };
    return (await stores.jobs.submit(request, now)).job.id;
  };
  const get = async (id: string) => (await stores.jobs.get(id)) as Job;
  const report = async (id: string, state: "running" | "exited", exitCode: number | null = null) => {
    const { epoch } = await get(id);
    const times = { startedAt: state === "running" ? now : null, finishedAt: state === "exited" ? now : null };
    const cause = state === "exited" ? ("exited" as const) : null;
    const told = { jobId: id, epoch, rank: 0, state, message: null, cause, exitCode, usage: null, ...times };
    await applyChange(stores.jobs, id, { type: "replica-report", nodeId: "a", report: told }, now);
  };
  const pass = start();
  for (const [name, minutes] of [...Array(6).fill(["eval-1", 1]), ...Array(6).fill(["train-1", 600])] as [string, number][]) {
    const id = await submit(name);
    await pass();
    await report(id, "running");
    await pass(minutes);
    await report(id, "exited", 0);
    await pass();
  }
  return { start, pass, submit, report, get, seen: () => seen };
}

describe("the service policy in the schedule loop", () => {
  test("a job that nothing happened to is the same object in the next pass, so what is remembered of it counts", async () => {
    const { pass, submit, report, seen } = await experiencedCluster();
    const running = await submit("train-2");
    const waiting = [await submit("train-3"), await submit("eval-2")];
    for (let settling = 0; settling < 3; settling += 1) await pass();
    const before = seen();
    expect([...before.active, ...before.pending].map(({ id }) => id).sort()).toEqual([running, ...waiting].sort());
    await pass();
    expect(seen().pending.every((job, place) => job === before.pending[place])).toBe(true);
    expect(seen().active.every((job, place) => job === before.active[place])).toBe(true);
    const [started] = before.active;
    await report(started?.id ?? "", "running");
    await pass(200);
    expect(seen().active[0]).not.toBe(started);
    expect(seen().active[0]?.serviceIndex).not.toBe(started?.serviceIndex);
  });

  test("of two waiting jobs the one whose like ended soon starts, although it is younger", async () => {
    const { pass, submit, get } = await experiencedCluster();
    const [train, quick] = [await submit("train-2"), await submit("eval-2")];
    await pass();
    expect([(await get(train)).state, (await get(quick)).state]).toEqual(["pending", "starting"]);
  });

  test("a control plane that starts anew learns the past from the rows", async () => {
    const { start, submit, get } = await experiencedCluster();
    const pass = start();
    const [train, quick] = [await submit("train-2"), await submit("eval-2")];
    await pass();
    expect([(await get(train)).state, (await get(quick)).state]).toEqual(["pending", "starting"]);
  });

  test("a long job gives way to a short one, and what it ran is remembered", async () => {
    const { pass, submit, report, get } = await experiencedCluster();
    const train = await submit("train-2");
    await pass();
    await report(train, "running");
    await pass(30);
    const quick = await submit("eval-2");
    await pass(30);
    expect((await get(train)).attempt?.stopReason).toBe("preempted");
    await report(train, "exited", 143);
    await pass();
    expect((await get(quick)).state).toBe("starting");
    expect(await get(train)).toMatchObject({ state: "pending", serviceMs: 60 * MINUTE, preemptions: 1 });
  });
});
