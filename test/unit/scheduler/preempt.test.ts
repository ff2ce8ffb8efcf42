import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ActiveJob,
  type ClusterSnapshot,
  decide,
  givePromises,
  NO_LIMITS,
  type PendingJob,
  type Plan,
  type ProjectShare,
  SERVICE_POLICY,
} from "../../../src/control/scheduler/index.ts";
import { runs } from "../../support/property-runs.ts";
import { activeOf, HOUR, NOW, nodeOf, pendingOf } from "./queue-samples.ts";

const team = (name: string, guaranteedGpus = 0): ProjectShare => ({
  name,
  parent: null,
  weight: 1,
  guaranteedGpus,
  limits: NO_LIMITS,
  usage: 0,
});
const stopped = (snapshot: ClusterSnapshot) => decide(snapshot, NOW).preemptions.map(({ jobId }) => jobId);

describe("guaranteed work reclaims borrowed GPUs", () => {
  const nodes = [nodeOf("a", 8)];
  const projects = [team("owner", 4), team("guest")];

  test("the borrower that loses least since its checkpoint makes room", () => {
    const active = [
      activeOf("1", "a", [0, 1, 2, 3], { project: "guest", startedAt: NOW - 5 * HOUR }),
      activeOf("2", "a", [4, 5, 6, 7], { project: "guest", startedAt: NOW - 9 * HOUR, checkpointAt: NOW - HOUR }),
    ];
    expect(stopped({ nodes, projects, active, pending: [pendingOf("9", 4, { project: "owner" })] })).toEqual(["2"]);
  });

  test("nobody makes room for a job beyond its own project's quota", () => {
    const active = [activeOf("1", "a", [0, 1, 2, 3, 4, 5, 6, 7], { project: "guest", startedAt: NOW - HOUR })];
    expect(stopped({ nodes, projects, active, pending: [pendingOf("9", 5, { project: "owner" })] })).toEqual([]);
  });

  test("what a project's own quota covers is never taken", () => {
    const both = [team("owner", 4), team("guest", 8)];
    const active = [activeOf("1", "a", [0, 1, 2, 3, 4, 5, 6, 7], { project: "guest", startedAt: NOW - HOUR })];
    expect(stopped({ nodes, projects: both, active, pending: [pendingOf("9", 4, { project: "owner" })] })).toEqual([]);
  });

  test("a job that ran less than the guaranteed ten minutes is left alone", () => {
    const active = [activeOf("1", "a", [0, 1, 2, 3, 4, 5, 6, 7], { project: "guest", startedAt: NOW - 9 * 60_000 })];
    expect(stopped({ nodes, projects, active, pending: [pendingOf("9", 4, { project: "owner" })] })).toEqual([]);
  });

  test("while victims stop, no more are asked and nobody else takes what comes free", () => {
    const active = [
      activeOf("1", "a", [0, 1, 2, 3], { project: "guest", startedAt: NOW - HOUR, stopping: true }),
      activeOf("2", "a", [4, 5, 6], { project: "guest", startedAt: NOW - HOUR }),
    ];
    const pending = [pendingOf("9", 4, { project: "owner" }), pendingOf("10", 1, { project: "guest" })];
    const plan = decide({ nodes, projects, active, pending }, NOW);
    expect({ placed: plan.placements, stopped: plan.preemptions }).toEqual({ placed: [], stopped: [] });
  });

  test("only as many GPUs as the job lacks are taken back", () => {
    const active = [0, 2, 4, 6].map((gpu, place) =>
      activeOf(String(place + 1), "a", [gpu, gpu + 1], { project: "guest", startedAt: NOW - HOUR }),
    );
    expect(stopped({ nodes, projects, active, pending: [pendingOf("9", 4, { project: "owner" })] })).toHaveLength(2);
  });
});

describe("the service policy", () => {
  const queueing = SERVICE_POLICY;
  const nodes = [nodeOf("a", 8), nodeOf("b", 8)];
  const hog = (id: string, node: string, serviceIndex: number) =>
    activeOf(id, node, [0, 1, 2, 3, 4, 5, 6, 7], { startedAt: NOW - HOUR, serviceIndex });

  test("a job pushes out another only when it is likelier to end by the whole hysteresis", () => {
    const run = (serviceIndex: number) =>
      stopped({ nodes: nodes.slice(0, 1), queueing, active: [hog("1", "a", 0.01)], pending: [pendingOf("9", 1, { serviceIndex })] });
    expect(run(0.01 * queueing.hysteresis * 0.99)).toEqual([]);
    expect(run(0.01 * queueing.hysteresis * 1.01)).toEqual(["1"]);
  });

  test("a job of lower priority pushes nobody out", () => {
    const active = [{ ...hog("1", "a", 1e-9), priority: 5 }];
    expect(stopped({ nodes: nodes.slice(0, 1), queueing, active, pending: [pendingOf("9", 1, { serviceIndex: 1 })] })).toEqual([]);
  });

  test("a gang over two nodes empties both", () => {
    const active = [hog("1", "a", 1e-6), hog("2", "b", 1e-6)];
    const gang = { ...pendingOf("9", 8, { serviceIndex: 1 }), replicas: 2 };
    expect(stopped({ nodes, queueing, active, pending: [gang] }).sort()).toEqual(["1", "2"]);
  });

  test("a job that waited long for its first run gets it, whatever its index", () => {
    const waited = pendingOf("9", 1, { serviceIndex: 0, queuedAt: NOW - queueing.firstRunAfterMs });
    expect(stopped({ nodes: nodes.slice(0, 1), queueing, active: [hog("1", "a", 1)], pending: [waited] })).toEqual(["1"]);
    expect(stopped({ nodes: nodes.slice(0, 1), queueing, active: [hog("1", "a", 1)], pending: [{ ...waited, hasRun: true }] })).toEqual([]);
  });
});

describe("over random clusters", () => {
  const clusters = fc.record({
    sizes: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 12 }),
    asks: fc.array(fc.record({ gpus: fc.integer({ min: 1, max: 8 }), owner: fc.boolean() }), { minLength: 1, maxLength: 8 }),
    quota: fc.integer({ min: 1, max: 24 }),
    guestQuota: fc.integer({ min: 0, max: 8 }),
    minutes: fc.array(fc.integer({ min: 0, max: 600 }), { minLength: 12, maxLength: 12 }),
  });

  type Cluster = typeof clusters extends fc.Arbitrary<infer Value> ? Value : never;

  function snapshotOf({ sizes, asks, quota, guestQuota, minutes }: Cluster): ClusterSnapshot {
    const nodes = ["a", "b", "c"].map((id) => nodeOf(id, 8));
    const free = new Map(nodes.map((node) => [node.id, 0]));
    const active: ActiveJob[] = [];
    for (const [place, size] of sizes.entries()) {
      const node = [...free].find(([, used]) => used + size <= 8);
      if (node === undefined) continue;
      const gpus = Array.from({ length: size }, (_, index) => node[1] + index);
      free.set(node[0], node[1] + size);
      active.push(activeOf(String(place), node[0], gpus, { project: "guest", startedAt: NOW - (minutes[place] ?? 0) * 60_000 }));
    }
    const pending = asks.map(
      ({ gpus, owner }, place): PendingJob => pendingOf(String(100 + place), gpus, { project: owner ? "owner" : "guest" }),
    );
    return { nodes, active, pending, projects: [team("owner", quota), team("guest", guestQuota)] };
  }

  /** What was placed runs, of what stops these have ended, and the promises are given back. */
  function afterStopping(
    { pending, active, ...rest }: ClusterSnapshot,
    plan: Plan,
    startedAt: number,
    stopping: readonly ActiveJob[],
    ended: ReadonlySet<string>,
  ): ClusterSnapshot {
    const started = plan.placements.map(({ jobId, assignments }): ActiveJob => {
      const job = pending.find(({ id }) => id === jobId) as PendingJob;
      return { id: jobId, resources: job.resources, assignments, project: job.project ?? "", priority: job.priority, startedAt };
    });
    const left = active
      .filter(({ id }) => !ended.has(id))
      .map((job) => (stopping.some(({ id }) => id === job.id) ? { ...job, stopping: true } : job));
    const placed = new Set(started.map(({ id }) => id));
    const waiting = pending.filter(({ id }) => !placed.has(id));
    return { ...rest, active: [...left, ...started], pending: givePromises(waiting, plan) };
  }

  test("what is stopped lets a job of the project that takes back start in the next pass, so nothing is stopped for a borrower", () => {
    fc.assert(
      fc.property(clusters, (cluster) => {
        const snapshot = snapshotOf(cluster);
        const plan = decide(snapshot, NOW);
        if (plan.preemptions.length === 0) return;
        const gone = new Set(plan.preemptions.map(({ jobId }) => jobId));
        const again = decide(afterStopping(snapshot, plan, NOW, [], gone), NOW + 1000);
        const projectOf = new Map(snapshot.pending.map(({ id, project }) => [id, project]));
        const takesBack = new Set(plan.preemptions.map(({ forJobId }) => projectOf.get(forJobId)));
        const starts = new Set(again.placements.map(({ jobId }) => projectOf.get(jobId)));
        expect([...takesBack].filter((project) => !starts.has(project))).toEqual([]);
        // Stronger: the very jobs that others were stopped for.
        const placed = new Set(again.placements.map(({ jobId }) => jobId));
        expect(plan.promises.map(({ jobId }) => jobId).filter((jobId) => !placed.has(jobId))).toEqual([]);
        expect(again.preemptions.filter(({ jobId }) => plan.placements.some((placement) => placement.jobId === jobId))).toEqual([]);
      }),
      {
        numRuns: runs(300),
        examples: [
          // Another guaranteed job once took the room in the next pass.
          [
            {
              sizes: [1, 6, 7, 3, 2],
              asks: [4, 8, 4].map((gpus) => ({ gpus, owner: true })),
              quota: 12,
              guestQuota: 0,
              minutes: [0, 509, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            },
          ],
          // A job placed after the room was first looked for was once not counted.
          [
            {
              sizes: [3, 3, 8, 2, 5, 1],
              asks: [3, 2, 1].map((gpus) => ({ gpus, owner: true })),
              quota: 6,
              guestQuota: 0,
              minutes: [0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            },
          ],
          // A job that borrowed in the same pass once turned the promised one into a borrower.
          [
            {
              sizes: [4, 3, 3, 4],
              asks: [
                { gpus: 2, owner: true },
                { gpus: 7, owner: true },
                { gpus: 6, owner: true },
                { gpus: 2, owner: false },
              ],
              quota: 9,
              guestQuota: 0,
              minutes: [0, 0, 10, 10, 0, 0, 0, 0, 0, 0, 0, 0],
            },
          ],
        ],
      },
    );
  });

  const arrivals = fc.array(
    fc.record({
      gpus: fc.integer({ min: 1, max: 8 }),
      replicas: fc.constantFrom(1, 1, 1, 2),
      project: fc.constantFrom("owner", "guest", "third"),
      priority: fc.integer({ min: 0, max: 2 }),
      waitedMinutes: fc.integer({ min: 0, max: 60 }),
      stops: fc.integer({ min: 0, max: 5 }),
    }),
    { minLength: 1, maxLength: 6 },
  );

  test("whoever room is being made for starts there once the last victim has stopped, whatever has come since", () => {
    fc.assert(
      fc.property(
        clusters,
        fc.array(arrivals, { minLength: 1, maxLength: 6 }),
        fc.nat(24),
        ({ asks: _none, ...cluster }, waves, thirdQuota) => {
          let snapshot = snapshotOf({ ...cluster, asks: [] });
          snapshot.projects?.push(team("third", thirdQuota));
          const awaited = new Set<string>();
          for (const [step, wave] of waves.entries()) {
            const now = NOW + step * 10_000;
            const come = wave.map(({ gpus, replicas, project, priority, waitedMinutes }, place) =>
              pendingOf(String(1000 * (step + 1) + place), gpus, { replicas, project, priority, queuedAt: now - waitedMinutes * 60_000 }),
            );
            snapshot = { ...snapshot, pending: [...snapshot.pending, ...come] };
            const plan = decide(snapshot, now);
            const placed = new Set(plan.placements.map(({ jobId }) => jobId));
            const promised = new Set(plan.promises.map(({ jobId }) => jobId));
            // A promise ends only by the start of its job, and while anybody still stops for it it stands.
            for (const jobId of awaited) expect(placed.has(jobId) || promised.has(jobId)).toBe(true);
            for (const { forJobId } of plan.preemptions) expect(promised.has(forJobId)).toBe(true);
            for (const jobId of placed) awaited.delete(jobId);
            for (const { forJobId } of plan.preemptions) awaited.add(forJobId);
            const stopping = snapshot.active.filter(
              ({ id, stopping }) => stopping === true || plan.preemptions.some(({ jobId }) => jobId === id),
            );
            const ended = new Set(stopping.filter((_, place) => (wave[place % wave.length]?.stops ?? 0) > 2).map(({ id }) => id));
            snapshot = afterStopping(snapshot, plan, now, stopping, ended);
          }
          const last = decide({ ...snapshot, active: snapshot.active.filter(({ stopping }) => stopping !== true) }, NOW + 100_000);
          const starts = new Set(last.placements.map(({ jobId }) => jobId));
          expect([...awaited].filter((jobId) => !starts.has(jobId))).toEqual([]);
        },
      ),
      { numRuns: runs(200) },
    );
  });

  test("a guaranteed project never waits while others run borrowed GPUs long enough to be taken", () => {
    fc.assert(
      fc.property(clusters, (cluster) => {
        const snapshot = snapshotOf({ ...cluster, guestQuota: 0, quota: 24, minutes: cluster.minutes.map(() => 60) });
        snapshot.pending = [pendingOf("100", 8, { project: "owner" })];
        const plan = decide(snapshot, NOW);
        expect(plan.placements.length + plan.preemptions.length).toBeGreaterThan(0);
      }),
      { numRuns: runs(200) },
    );
  });

  test("only borrowers that ran their ten minutes are stopped, each once", () => {
    fc.assert(
      fc.property(clusters, (cluster) => {
        const snapshot = snapshotOf(cluster);
        const { preemptions } = decide(snapshot, NOW);
        expect(new Set(preemptions.map(({ jobId }) => jobId)).size).toBe(preemptions.length);
        for (const { jobId } of preemptions) {
          const victim = snapshot.active.find(({ id }) => id === jobId);
          expect(NOW - (victim?.startedAt ?? NOW)).toBeGreaterThanOrEqual(600_000);
        }
        const kept = snapshot.active.filter(({ id }) => !preemptions.some(({ jobId }) => jobId === id));
        const held = kept.reduce((sum, { assignments }) => sum + (assignments[0]?.gpuUuids.length ?? 0), 0);
        const before = snapshot.active.reduce((sum, { assignments }) => sum + (assignments[0]?.gpuUuids.length ?? 0), 0);
        // Jobs are covered whole: the largest may straddle the quota.
        if (preemptions.length > 0) expect(held).toBeGreaterThanOrEqual(Math.min(before, cluster.guestQuota) - 7);
      }),
      { numRuns: runs(200) },
    );
  });
});
