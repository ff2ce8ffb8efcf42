import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ClusterSnapshot,
  decide,
  NO_LIMITS,
  type PendingJob,
  type ProjectShare,
  SERVICE_POLICY,
} from "../../../src/control/scheduler/index.ts";
import { runs } from "../../support/property-runs.ts";
import { activeOf, HOUR, NOW, nodeOf, pendingOf } from "./queue-samples.ts";

const project = (name: string, more: Partial<ProjectShare> = {}): ProjectShare => ({
  name,
  parent: null,
  weight: 1,
  guaranteedGpus: 0,
  limits: NO_LIMITS,
  usage: 0,
  ...more,
});

/** Ids in the order in which one GPU each is given out. */
function startOrder(snapshot: Partial<ClusterSnapshot>, gpus = 8): string[] {
  const plan = decide({ nodes: [nodeOf("a", gpus)], active: [], pending: [], ...snapshot }, NOW);
  return plan.placements.map(({ jobId }) => jobId);
}

function reasonOf(snapshot: Partial<ClusterSnapshot>, id: string, gpus: number): string | undefined {
  const plan = decide({ nodes: [nodeOf("a", gpus)], active: [], pending: [], ...snapshot }, NOW);
  return plan.reasons.find(({ jobId }) => jobId === id)?.reason;
}

const jobs = (name: string, first: number, count: number, more: Partial<PendingJob> = {}) =>
  Array.from({ length: count }, (_, index) =>
    pendingOf(String(first + index), 1, { project: name, queuedAt: NOW - 10_000 + first + index, ...more }),
  );

describe("fair share", () => {
  test("without projects it is priority, then age", () => {
    const pending = [pendingOf("3", 1), pendingOf("2", 1, { queuedAt: NOW - 5000 }), pendingOf("4", 1, { priority: 1 })];
    expect(startOrder({ pending })).toEqual(["4", "2", "3"]);
  });

  test("equal projects take turns, however long one of their queues is", () => {
    const pending = [...jobs("p1", 1, 100), ...jobs("p2", 201, 2)];
    expect(startOrder({ pending, projects: [project("p1"), project("p2")] }, 4)).toEqual(["1", "201", "2", "202"]);
  });

  test("a project of weight 3 gets three of four GPUs", () => {
    const pending = [...jobs("small", 1, 20), ...jobs("big", 101, 20)];
    const started = startOrder({ pending, projects: [project("small"), project("big", { weight: 3 })] }, 8);
    expect(started.filter((id) => Number(id) > 100)).toHaveLength(6);
  });

  test("past usage counts against a project", () => {
    const pending = [...jobs("spent", 1, 4), ...jobs("fresh", 101, 4)];
    expect(startOrder({ pending, projects: [project("spent", { usage: 100 }), project("fresh")] }, 4)).toEqual([
      "101",
      "102",
      "103",
      "104",
    ]);
  });

  test("siblings share what their parent has, not what the cluster has", () => {
    const projects = [project("lab"), project("lab-a", { parent: "lab" }), project("lab-b", { parent: "lab" }), project("other")];
    const pending = [...jobs("lab-a", 1, 8), ...jobs("lab-b", 101, 8), ...jobs("other", 201, 8)];
    const started = startOrder({ pending, projects }, 8);
    const count = (from: number) => started.filter((id) => Math.floor(Number(id) / 100) === from / 100).length;
    expect([count(0), count(100), count(200)]).toEqual([2, 2, 4]);
  });

  test("priority goes before shares", () => {
    const pending = [...jobs("p1", 1, 2, { priority: 5 }), ...jobs("p2", 101, 2)];
    expect(startOrder({ pending, projects: [project("p1", { usage: 9 }), project("p2")] }, 2)).toEqual(["1", "2"]);
  });

  test("what a quota covers goes before what is borrowed", () => {
    const pending = [...jobs("guest", 1, 4), ...jobs("owner", 101, 4)];
    const projects = [project("guest"), project("owner", { guaranteedGpus: 2, usage: 50 })];
    expect(startOrder({ pending, projects }, 4)).toEqual(["101", "102", "1", "2"]);
  });

  test("the reason tells share, entitlement and who goes before", () => {
    const active = [activeOf("9", "a", [0, 1], { project: "p1", startedAt: NOW - HOUR })];
    const pending = [...jobs("p1", 1, 1), ...jobs("p2", 101, 1)];
    const reason = reasonOf({ pending, active, projects: [project("p1"), project("p2")] }, "1", 2);
    expect(reason).toContain("p1 has share 1.00 of 0.50, so after p2's jobs");
  });

  test("who goes before is only told of a project whose jobs wait", () => {
    const active = [activeOf("9", "a", [0, 1], { project: "p1", startedAt: NOW - HOUR })];
    const projects = [project("p1"), project("p2"), project("p3", { usage: 0.1 }), project("p3-a", { parent: "p3" })];
    const pending = [...jobs("p1", 1, 1), ...jobs("p3-a", 101, 1)];
    expect(reasonOf({ pending, active, projects }, "1", 2)).toMatch(/p1 has share 0\.\d\d of 0\.33, so after p3's jobs/);
    expect(reasonOf({ pending: jobs("p1", 1, 1), active, projects }, "1", 2)).toMatch(/p1 has share 0\.\d\d of 0\.33$/);
  });

  test("a cycle of parents does not hang: its projects hang below the root", () => {
    const projects = [project("x", { parent: "y" }), project("y", { parent: "x" })];
    expect(startOrder({ pending: [...jobs("x", 1, 1), ...jobs("y", 101, 1)], projects }, 2)).toEqual(["1", "101"]);
  });
});

describe("limits", () => {
  const limited = (limits: Partial<ProjectShare["limits"]>) => [project("p1", { limits: { ...NO_LIMITS, ...limits } })];

  test("a project stops at its GPUs and says so", () => {
    const pending = jobs("p1", 1, 3);
    expect(startOrder({ pending, projects: limited({ gpus: 2 }) })).toEqual(["1", "2"]);
    expect(reasonOf({ pending, projects: limited({ gpus: 2 }) }, "3", 8)).toBe(
      "project p1 may hold 2 GPUs; it holds 2 and this job asks 1",
    );
  });

  test("one user's limit leaves the others free", () => {
    const pending = [...jobs("p1", 1, 3, { user: "ann" }), ...jobs("p1", 11, 2, { user: "bob" })];
    expect(startOrder({ pending, projects: limited({ jobsPerUser: 2 }) })).toEqual(["1", "2", "11", "12"]);
    expect(startOrder({ pending, projects: limited({ gpusPerUser: 1 }) })).toEqual(["1", "11"]);
  });

  test("a parent's limit holds for all below it", () => {
    const projects = [...limited({ gpus: 1 }), project("p1-a", { parent: "p1" })];
    expect(startOrder({ pending: jobs("p1-a", 1, 3), projects })).toEqual(["1"]);
  });
});

describe("the service policy", () => {
  const queueing = SERVICE_POLICY;
  test("the highest index first, first runs that are due before it", () => {
    const pending = [
      pendingOf("1", 1, { serviceIndex: 0.1 }),
      pendingOf("2", 1, { serviceIndex: 0.5 }),
      pendingOf("3", 1, { serviceIndex: 0.001, queuedAt: NOW - queueing.firstRunAfterMs }),
      pendingOf("4", 1, { serviceIndex: 0.001, queuedAt: NOW - queueing.firstRunAfterMs, hasRun: true }),
    ];
    expect(startOrder({ pending, queueing })).toEqual(["3", "2", "1", "4"]);
  });
});

describe("over random queues", () => {
  const queues = fc.record({
    weights: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 5 }),
    asks: fc.array(
      fc.record({
        project: fc.nat(4),
        gpus: fc.integer({ min: 0, max: 4 }),
        waited: fc.nat(10_000),
        priority: fc.integer({ min: 0, max: 1 }),
      }),
      {
        maxLength: 30,
      },
    ),
    guaranteed: fc.array(fc.nat(6), { minLength: 5, maxLength: 5 }),
    parents: fc.array(fc.option(fc.nat(4), { nil: null }), { minLength: 5, maxLength: 5 }),
  });
  const snapshotOf = ({
    weights,
    asks,
    guaranteed,
    parents,
  }: typeof queues extends fc.Arbitrary<infer Value> ? Value : never): ClusterSnapshot => ({
    nodes: [nodeOf("a", 8), nodeOf("b", 8)],
    active: [],
    pending: asks.map(({ project: of, gpus, waited, priority }, index) =>
      pendingOf(String(100 + index), gpus, { project: `p${of}`, queuedAt: NOW - waited, priority }),
    ),
    projects: weights.map((weight, index) =>
      project(`p${index}`, {
        weight,
        guaranteedGpus: guaranteed[index] ?? 0,
        parent: parents[index] == null ? null : `p${parents[index]}`,
      }),
    ),
  });

  test("every job is judged exactly once, whatever the tree looks like", () => {
    fc.assert(
      fc.property(queues, (queue) => {
        const snapshot = snapshotOf(queue);
        const plan = decide(snapshot, NOW);
        const judged = [...plan.placements, ...plan.reasons].map(({ jobId }) => jobId).sort();
        expect(judged).toEqual(snapshot.pending.map(({ id }) => id).sort());
      }),
      { numRuns: runs(300) },
    );
  });

  test("the order of the lists does not matter", () => {
    fc.assert(
      fc.property(queues, (queue) => {
        const snapshot = snapshotOf(queue);
        const turned = { ...snapshot, pending: [...snapshot.pending].reverse(), projects: [...(snapshot.projects ?? [])].reverse() };
        expect(decide(turned, NOW).placements).toEqual(decide(snapshot, NOW).placements);
      }),
      { numRuns: runs(200) },
    );
  });

  test("a job that its project's quota covers starts before any borrowed one of its priority", () => {
    fc.assert(
      fc.property(queues, (queue) => {
        const snapshot = snapshotOf({ ...queue, parents: queue.parents.map(() => null) });
        const single = { ...snapshot, pending: snapshot.pending.map((job) => ({ ...job, priority: 0 })) };
        const held = new Map<string, number>();
        let borrowed = false;
        for (const { jobId, assignments } of decide(single, NOW).placements) {
          const job = single.pending.find(({ id }) => id === jobId) as PendingJob;
          const gpus = assignments.reduce((sum, { gpuUuids }) => sum + gpuUuids.length, 0);
          const share = single.projects?.find(({ name }) => name === job.project);
          const before = held.get(job.project ?? "") ?? 0;
          const covered = gpus > 0 && before + gpus <= (share?.guaranteedGpus ?? 0);
          if (covered) expect(borrowed).toBe(false);
          else borrowed = true;
          held.set(job.project ?? "", before + gpus);
        }
      }),
      { numRuns: runs(200) },
    );
  });
});
