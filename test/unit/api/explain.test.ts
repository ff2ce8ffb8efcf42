import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { explanationText } from "../../../src/cli/output/explanation.ts";
import type { ImageFacts } from "../../../src/control/images/index.ts";
import { createScheduleLoop } from "../../../src/control/jobs/index.ts";
import { type ClusterSnapshot, decide, SERVICE_POLICY } from "../../../src/control/scheduler/index.ts";
import { factsOf } from "../../support/control-samples.ts";
import { SPEC, startTestApi, startTestApiWithNodes, type TestApi } from "./api-under-test.ts";

let api: TestApi;

beforeEach(async () => {
  api = await startTestApiWithNodes({}, "a", "b");
});

afterEach(() => api.close());

async function schedule() {
  const { stores, clock } = api.deps;
  const queues = { nudgeNode: async () => {} };
  await createScheduleLoop({ store: stores.jobs, nodes: stores.nodes, decide, queues, clock }).pass();
}

const explain = async (job: string) => (await api.call({ method: "GET", url: `/v1/jobs/${job}/explain` })).json();

describe("GET /v1/jobs/:id/explain", () => {
  it("proves why a job waits, node by node, and names the change that starts it", async () => {
    await api.submit({ ...SPEC, resources: { gpus: 2 } });
    await schedule();
    const { id } = await api.submit({ ...SPEC, resources: { gpus: 8 } });
    const view = await explain(id);
    expect(view).toMatchObject({ state: "pending", assignments: null, nodes: 2, proof: "2 nodes: 2 have 4 of the 8 GPUs asked" });
    expect(view.changes).toEqual([{ field: "resources.gpus", value: 4, words: "--gpus 4" }]);
  });

  it("tells where a job that waits only for the next pass will start", async () => {
    const { id } = await api.submit({ ...SPEC, resources: { gpus: 4 } });
    expect((await explain(id)).assignments).toHaveLength(1);
  });

  it("says of a running job where it is", async () => {
    const { id } = await api.submit();
    await schedule();
    expect(await explain(id)).toMatchObject({ state: "starting", reason: null, blocked: [] });
  });

  it("agrees with the next pass after a node was cordoned", async () => {
    for (const node of ["a", "b"]) await api.call({ method: "PATCH", url: `/v1/nodes/${node}`, payload: { cordoned: true } });
    const { id } = await api.submit();
    expect(await explain(id)).toMatchObject({ proof: "2 nodes: 2 cordoned", assignments: null });
    await schedule();
    expect((await api.deps.stores.jobs.get(id))?.pendingReason).toBe("waiting for a to be opened (cordoned), b to be opened (cordoned)");
  });
});

describe("POST /v1/plan", () => {
  it("answers as if the job were submitted and changes nothing", async () => {
    const answer = await api.call({ method: "POST", url: "/v1/plan", payload: { ...SPEC, resources: { gpus: 3 } } });
    expect(answer.json()).toMatchObject({ jobId: null, state: "planned", assignments: [{ nodeId: "a" }] });
    expect((await api.deps.stores.jobs.queue(10)).pending).toEqual([]);
  });

  it("refuses what submitting refuses", async () => {
    const answer = await api.call({ method: "POST", url: "/v1/plan", payload: { ...SPEC, replicas: { min: 3, max: 2 } } });
    expect(answer.json()).toMatchObject({ code: "invalid_job_spec", errors: [{ field: "/replicas/min" }] });
  });
});

describe("the start estimate", () => {
  const run = async (spec: object, exit: boolean) => {
    const { id } = await api.submit({ ...SPEC, resources: { gpus: 4 }, ...spec });
    await schedule();
    const nodeId = (await api.deps.stores.jobs.get(id))?.attempt?.assignments[0]?.nodeId ?? "";
    await api.report(id, 0, nodeId, "running");
    if (exit) await api.report(id, 0, nodeId, "exited");
    return id;
  };

  it("tells that nothing is known while no job of the user has ended, and uses their history once some have", async () => {
    for (const _ of [1, 2]) await run({}, false);
    const { id } = await api.submit({ ...SPEC, resources: { gpus: 4 } });
    expect(await explain(id)).toMatchObject({
      start: null,
      startUnknown: expect.stringMatching(/^nothing tells when job 1, job 2 will end/),
    });
    await api.call({ method: "POST", url: `/v1/jobs/${id}/cancel` });
    for (const _ of [1, 2, 3]) {
      const { id: short } = await api.submit({ ...SPEC });
      await schedule();
      await api.report(short, 0, "a", "running");
      await api.report(short, 0, "a", "exited");
    }
    const answer = (await api.call({ method: "POST", url: "/v1/plan", payload: { ...SPEC, resources: { gpus: 4 } } })).json();
    expect(answer).toMatchObject({ assignments: null, startUnknown: null });
    expect(answer.start.p50).toBeGreaterThan(api.deps.clock.now());
    expect(answer.start.p90).toBeGreaterThan(answer.start.p50);
  });

  it("is bounded by the time limits of what runs", async () => {
    for (const _ of [1, 2]) await run({ timeLimit: "1h" }, false);
    const answer = (await api.call({ method: "POST", url: "/v1/plan", payload: { ...SPEC, resources: { gpus: 4 } } })).json();
    expect(answer.start.p90).toBeGreaterThan(api.deps.clock.now());
    expect(answer.start.p90).toBeLessThanOrEqual(api.deps.clock.now() + 3_631_000);
  });
});

test("a plan takes what the registry says of the image, and says what it took for granted where it says nothing", async () => {
  const planWith = async (facts: Partial<ImageFacts>) => {
    const unknown = { requirements: [], digest: null, architectures: [], layers: [], note: null };
    const told = await startTestApiWithNodes({ readImage: async () => ({ ...unknown, ...facts }) }, "a");
    try {
      return (await told.call({ method: "POST", url: "/v1/plan", payload: { ...SPEC, resources: { gpus: 1 } } })).json();
    } finally {
      await told.close();
    }
  };
  const requires = [[[{ subject: "compute-capability" as const, operator: ">=" as const, value: "99.0" }]]];
  expect(await planWith({ requirements: requires })).toMatchObject({ assignments: null, reason: expect.stringContaining("< 99.0") });
  expect(await planWith({ architectures: ["arm64"] })).toMatchObject({
    reason: "can never fit: 1 CPU architecture amd64, the image is for arm64",
  });
  const pulls = await planWith({ layers: [{ key: "0123456789ab", sizeBytes: 2.5 * 2 ** 30 }] });
  expect(pulls.pullBytes).toBe(2.5 * 2 ** 30);
  expect(explanationText(pulls)).toMatch(/^the job starts now on .*; pulls 2\.5 GiB of its image first\n/);
  const note = "cannot read what x requires of a GPU: no answer within 3 s; the node judges when it starts";
  const view = await planWith({ note });
  expect(view).toMatchObject({ assignments: [{ nodeId: "a" }], image: { digest: null, architectures: [], note } });
  expect(explanationText(view)).toContain(`\n  ${note}\n`);
});

describe("the queueing policy of explanations", () => {
  it("is the scheduling loop's, with the planned job's own service index", async () => {
    await api.close();
    const seen: ClusterSnapshot[] = [];
    const watched: typeof decide = (snapshot, now) => {
      seen.push(snapshot);
      return decide(snapshot, now);
    };
    api = await startTestApi({ queueing: "service", decide: watched });
    const waiting = await api.submit();
    await explain(waiting.id);
    await api.call({ method: "POST", url: "/v1/plan", payload: SPEC });
    expect(seen.length).toBeGreaterThanOrEqual(2);
    for (const { queueing, pending } of seen) {
      expect(queueing).toEqual(SERVICE_POLICY);
      expect(pending.every(({ serviceIndex = 0 }) => serviceIndex > 0)).toBe(true);
    }
  });
});

test("explanations and plans see the pools as the loop does: packed or spread", async () => {
  await api.close();
  const seen: ClusterSnapshot[] = [];
  const placement = { kind: "spread" as const };
  api = await startTestApi({
    placement,
    decide: (snapshot, now) => {
      seen.push(snapshot);
      return decide(snapshot, now);
    },
  });
  await explain((await api.submit()).id);
  await api.call({ method: "POST", url: "/v1/plan", payload: SPEC });
  expect(seen.length).toBeGreaterThanOrEqual(2);
  expect(seen.every((snapshot) => snapshot.placement === placement)).toBe(true);
});

describe("PATCH /v1/nodes/:id", () => {
  it("survives the node's syncs, and labels and taints decide where jobs go", async () => {
    const patch = { labels: { rack: "r1" }, addTaints: [{ key: "team", value: "vision" }] };
    expect((await api.call({ method: "PATCH", url: "/v1/nodes/b", payload: patch })).statusCode).toBe(200);
    const report = { nodeId: "b", incarnation: "i", bootId: "b", sentAt: 2, address: "10.0.0.1", facts: factsOf("b", 4) };
    await api.deps.stores.nodes.recordSync(report, api.deps.clock.now());
    const selecting = { placement: { nodeSelector: { rack: "r1" } } };
    const tolerant = { placement: { ...selecting.placement, tolerations: [{ key: "team" }] } };
    const plan = async (spec: object) => (await api.call({ method: "POST", url: "/v1/plan", payload: { ...SPEC, ...spec } })).json();
    expect((await plan(selecting)).reason).toBe("can never fit: 1 tainted team=vision, 1 without label rack=r1");
    expect((await plan(tolerant)).assignments).toMatchObject([{ nodeId: "b" }]);
  });

  it("does not pretend to take away a label that the agent brings", async () => {
    const facts = { ...factsOf("b", 4), labels: { rack: "r1" } };
    const report = { nodeId: "b", incarnation: "i", bootId: "b", sentAt: 2, address: "10.0.0.1", facts };
    await api.deps.stores.nodes.recordSync(report, api.deps.clock.now());
    const label = (rack: string | null) => api.call({ method: "PATCH", url: "/v1/nodes/b", payload: { labels: { rack } } });
    expect((await label(null)).json()).toMatchObject({
      code: "conflict",
      detail: expect.stringContaining("label rack=r1 comes from the agent"),
    });
    expect([(await label("r2")).statusCode, (await label(null)).statusCode]).toEqual([200, 200]);
  });

  it("is refused for a node that nobody knows", async () => {
    expect((await api.call({ method: "PATCH", url: "/v1/nodes/zzz", payload: { cordoned: true } })).statusCode).toBe(404);
  });
});
