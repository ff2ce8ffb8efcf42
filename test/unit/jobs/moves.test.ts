import { expect, test } from "vitest";
import { applyChange, createMemoryStores, createScheduleLoop } from "../../../src/control/jobs/index.ts";
import { createMoveLedger } from "../../../src/control/jobs/move-ledger.ts";
import { decide } from "../../../src/control/scheduler/index.ts";
import { type Job, type JobSpec, systemClock } from "../../../src/shared/domain/index.ts";
import { factsOf, specOf } from "../../support/control-samples.ts";

const T = 1_700_000_000_000;
const MINUTE = 60_000;
const CHECKPOINT = { signal: "SIGUSR1", graceSeconds: 60, intervalSeconds: null };

/** Nodes a and b of two GPUs, each with a job on one of them, and a clock that is moved by hand. */
async function halves(movesPerHour: number) {
  const stores = createMemoryStores();
  let now = T;
  let syncs = 0;
  const clock = { ...systemClock(), now: () => now, monotonic: () => now };
  const queues = { nudgeNode: async () => {} };
  const kinds: string[] = [];
  const onPreempted = (kind: string) => void kinds.push(kind);
  const loop = createScheduleLoop({ onPreempted, store: stores.jobs, nodes: stores.nodes, movesPerHour, decide, queues, clock });
  const pass = async (minutesLater = 0) => {
    now += minutesLater * MINUTE;
    syncs += 1;
    for (const nodeId of ["a", "b"]) {
      const report = { nodeId, incarnation: "i", bootId: "b", sentAt: syncs, address: "10.0.0.1", facts: factsOf(nodeId, 2) };
      await stores.nodes.recordSync(report, now);
    }
    await loop.pass();
  };
  const submit = async (gpus: number, spec: Partial<Omit<JobSpec, "resources">> = {}) =>
    (await stores.jobs.submit({ spec: specOf({ ...spec, resources: { gpus } }), user: "ada", idempotencyKey: null }, now)).job.id;
  const get = async (id: string) => (await stores.jobs.get(id)) as Job;
  const report = async (id: string, told: { state: "running" | "exited"; checkpointAt?: number }) => {
    const { epoch, attempt } = await get(id);
    const end =
      told.state === "exited"
        ? { cause: "stopped" as const, exitCode: 143, finishedAt: now }
        : { cause: null, exitCode: null, finishedAt: null };
    const full = { jobId: id, epoch, rank: 0, message: null, startedAt: now, usage: null, ...end, ...told };
    return applyChange(stores.jobs, id, { type: "replica-report", nodeId: attempt?.assignments[0]?.nodeId ?? "", report: full }, now);
  };
  await stores.nodes.join("a", T);
  await stores.nodes.join("b", T);
  const filler = await submit(1);
  await pass();
  // Best fit puts them on one node: the first of two goes once the other is there.
  const saver = await submit(1, { checkpoint: CHECKPOINT });
  const other = await submit(1);
  await pass();
  await applyChange(stores.jobs, filler, { type: "cancel-requested", by: "ada" }, now);
  await report(filler, { state: "exited" });
  for (const id of [saver, other]) await report(id, { state: "running" });
  await pass();
  return { stores, pass, submit, get, report, saver, other, now: () => now, kinds };
}

const placeOf = ({ attempt }: Job) => attempt?.assignments.map(({ nodeId }) => nodeId);

test("a job that saves moves to the other half, and the one that waited starts in its place", async () => {
  const { stores, pass, submit, get, report, saver, other, now, kinds } = await halves(1);
  const [from, to] = [placeOf(await get(saver))?.[0], placeOf(await get(other))?.[0]];
  expect(from).not.toBe(to);
  const large = await submit(2);
  await pass(61);
  expect((await get(saver)).state).toBe("running");
  await report(saver, { state: "running", checkpointAt: now() });
  await pass(1);
  const stopping = await get(saver);
  expect(stopping).toMatchObject({ state: "stopping", movedAt: now(), attempt: { stopReason: "preempted" } });
  expect((await get(large)).promise).toMatchObject({ nodeIds: [from], moves: true });
  expect(kinds).toEqual(["move"]);

  const small = await submit(1, { priority: 9 });
  await pass(1);
  expect((await get(small)).state).toBe("pending");
  await report(saver, { state: "exited" });
  await pass();
  expect([placeOf(await get(large)), placeOf(await get(saver))]).toEqual([[from], [to]]);
  const types = (await stores.jobs.events(saver, null)).map(({ type, message }) => `${type}: ${message}`);
  expect(types).toContain(`moved: it goes on elsewhere, so that job ${large} can start here`);
  expect((await get(saver)).retriesUsed).toBe(0);
});

test("the hour's moves count those that have ended since, and a new leader reads them from the rows", () => {
  const ledger = createMoveLedger();
  expect(ledger.count([{ id: "1", movedAt: T }, { id: "2" }], T)).toBe(1);
  expect(ledger.count([{ id: "3", movedAt: T + MINUTE }], T + MINUTE)).toBe(2);
  expect(ledger.count([], T + 60 * MINUTE)).toBe(1);
  expect(createMoveLedger().count([{ id: "3", movedAt: T + MINUTE }], T + 60 * MINUTE)).toBe(1);
});
