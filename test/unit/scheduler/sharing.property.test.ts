import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type ActiveJob,
  type ClusterSnapshot,
  changedJob,
  createIncrementalDecide,
  decide,
  explainJob,
  type MigUnit,
  type NodeCapacity,
  type PendingJob,
} from "../../../src/control/scheduler/index.ts";
import { type Assignment, WHOLE_GPU_MILLIS } from "../../../src/shared/domain/index.ts";
import { GIB, gpuOf, resourcesOf } from "../../support/control-samples.ts";

const NOW = 1_700_000_000_000;
const PROFILES = ["1g.10gb", "3g.40gb"];

const nodesArbitrary = fc
  .array(
    fc.record({
      gpus: fc.integer({ min: 0, max: 3 }),
      memoryGi: fc.constantFrom(16, 80),
      across: fc.boolean(),
      mig: fc.array(fc.constantFrom(...PROFILES), { maxLength: 4 }),
      sick: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((nodes) => nodes.map(nodeOf));

function nodeOf(
  { gpus, memoryGi, across, mig, sick }: { gpus: number; memoryGi: number; across: boolean; mig: string[]; sick: boolean },
  place: number,
): NodeCapacity {
  const id = `n${place}`;
  const whole = Array.from({ length: gpus }, (_, index) =>
    gpuOf(id, index, { memoryBytes: memoryGi * GIB, healthy: !(sick && index === 0) }),
  );
  const split = gpuOf(id, gpus, { healthy: false, problem: "split into MIG devices" });
  const migDevices = mig.map(
    (profile, index): MigUnit => ({ ...split, healthy: true, problem: null, uuid: `MIG-${id}-${index}`, profile, gpuUuid: split.uuid }),
  );
  const common = { name: id, address: "10.0.0.1", state: "ready" as const, lastSeenAt: NOW, cpuMillis: 12_000, memoryBytes: 64 * GIB };
  return { id, ...common, gpus: [...whole, split], migDevices, ...(across ? { sharesAcrossProjects: true } : {}) };
}

const resourcesArbitrary = fc.oneof(
  fc.integer({ min: 0, max: 3 }).map((gpus) => resourcesOf({ gpus })),
  fc
    .record({
      millis: fc.constantFrom(100, 250, 333, 500, 900),
      memoryBytes: fc.constantFrom(null, null, 10 * GIB, 30 * GIB),
      sharing: fc.constantFrom("time-slice" as const, "time-slice" as const, "mps" as const),
    })
    .map((gpuShare) => resourcesOf({ gpus: 1, gpuShare, gpuMemoryBytes: gpuShare.memoryBytes })),
  fc.record({ gpus: fc.integer({ min: 1, max: 2 }), migProfile: fc.constantFrom(...PROFILES) }).map((asked) => resourcesOf(asked)),
);

const jobsArbitrary = (firstId: number) =>
  fc
    .array(
      fc.record({
        resources: resourcesArbitrary,
        replicas: fc.constantFrom(1, 1, 1, 2, 4),
        priority: fc.integer({ min: 0, max: 1 }),
        waitedSeconds: fc.constantFrom(5, 60, 3600),
        project: fc.constantFrom("red", "red", "blue"),
      }),
      { maxLength: 12 },
    )
    .map((jobs) =>
      jobs.map(
        ({ waitedSeconds, ...job }, place): PendingJob => ({ ...job, id: String(firstId + place), queuedAt: NOW - waitedSeconds * 1000 }),
      ),
    );

function activeOf({ id, resources, project }: PendingJob, assignments: Assignment[]): ActiveJob {
  return { id, resources, assignments, ...(project === undefined ? {} : { project }) };
}

/** What runs was placed by an earlier decision, as in a real cluster. */
const snapshotArbitrary = fc
  .record({ nodes: nodesArbitrary, earlier: jobsArbitrary(900), pending: jobsArbitrary(100) })
  .map(({ nodes, earlier, pending }): ClusterSnapshot => {
    const placed = new Map(
      decide({ nodes, pending: earlier, active: [] }, NOW - 10_000).placements.map((one) => [one.jobId, one.assignments]),
    );
    const active = earlier.flatMap((job) => {
      const assignments = placed.get(job.id);
      return assignments === undefined ? [] : [activeOf(job, assignments)];
    });
    return { nodes, pending, active };
  });

function check(property: (snapshot: ClusterSnapshot) => void, numRuns: number) {
  fc.assert(fc.property(snapshotArbitrary, property), { numRuns });
}

interface Held {
  job: Pick<PendingJob, "id" | "project" | "resources">;
  assignment: Assignment;
}

/** Everything that is held once the plan is carried out, by GPU or MIG device. */
function heldAfter(snapshot: ClusterSnapshot): Map<string, Held[]> {
  const pending = new Map(snapshot.pending.map((job) => [job.id, job]));
  const started = decide(snapshot, NOW).placements.flatMap(({ jobId, assignments }) => {
    const job = pending.get(jobId);
    return job === undefined ? [] : [{ job, assignments }];
  });
  const held = new Map<string, Held[]>();
  for (const { job, assignments } of [...snapshot.active.map((job) => ({ job, assignments: job.assignments })), ...started])
    for (const assignment of assignments)
      for (const uuid of assignment.gpuUuids) held.set(uuid, [...(held.get(uuid) ?? []), { job, assignment }]);
  return held;
}

test("neither the time nor the memory of a GPU is given twice, and a job has the part it asked for", () => {
  check((snapshot) => {
    const gpus = new Map(snapshot.nodes.flatMap((node) => [...node.gpus, ...(node.migDevices ?? [])].map((gpu) => [gpu.uuid, gpu])));
    for (const [uuid, holders] of heldAfter(snapshot)) {
      const shares = holders.flatMap(({ assignment }) => assignment.gpuShare ?? []);
      if (shares.length === 0) {
        expect(holders).toHaveLength(1);
        continue;
      }
      expect(shares).toHaveLength(holders.length);
      expect(shares.reduce((sum, { millis }) => sum + millis, 0)).toBeLessThanOrEqual(WHOLE_GPU_MILLIS);
      expect(shares.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)).toBeLessThanOrEqual(gpus.get(uuid)?.memoryBytes ?? 0);
      expect(new Set(shares.map(({ sharing }) => sharing)).size).toBe(1);
      for (const { job, assignment } of holders) expect(assignment.gpuShare?.millis).toBe(job.resources.gpuShare?.millis);
    }
  }, 150);
});

test("two projects are on one GPU only where its operator says so", () => {
  check((snapshot) => {
    const across = new Set(snapshot.nodes.filter((node) => node.sharesAcrossProjects).map(({ id }) => id));
    for (const holders of heldAfter(snapshot).values()) {
      const projects = new Set(holders.map(({ job }) => job.project));
      if (projects.size > 1) expect(across.has(holders[0]?.assignment.nodeId ?? "")).toBe(true);
    }
  }, 100);
});

test("a MIG device goes to a job that asks for its profile, a GPU to one that does not", () => {
  check((snapshot) => {
    const profiles = new Map(snapshot.nodes.flatMap(({ migDevices = [] }) => migDevices.map(({ uuid, profile }) => [uuid, profile])));
    for (const [uuid, holders] of heldAfter(snapshot))
      for (const { job } of holders) expect(job.resources.migProfile).toBe(profiles.get(uuid));
  }, 100);
});

test("the order of the lists does not matter, and an incremental decision is the same", () => {
  const incremental = createIncrementalDecide();
  check((snapshot) => {
    const plan = decide(snapshot, NOW);
    const { nodes, pending, active } = snapshot;
    expect(decide({ nodes: [...nodes].reverse(), pending: [...pending].reverse(), active: [...active].reverse() }, NOW)).toEqual(plan);
    expect(incremental(snapshot, NOW)).toEqual(plan);
    // One job ends: only its nodes are looked at again.
    const fewer = { ...snapshot, active: active.slice(1) };
    expect(incremental(fewer, NOW)).toEqual(decide(fewer, NOW));
  }, 100);
});

test("the explanation agrees with the decision, and each change that it names starts the job", () => {
  check((snapshot) => {
    const plan = decide(snapshot, NOW);
    for (const job of snapshot.pending.slice(0, 4)) {
      const explanation = explainJob(decide, snapshot, NOW, job.id);
      const placement = plan.placements.find(({ jobId }) => jobId === job.id);
      expect(explanation?.assignments).toEqual(placement?.assignments ?? null);
      expect(JSON.stringify([explanation?.reason, explanation?.proof])).not.toMatch(/undefined|NaN|Infinity/);
      const blocked = explanation?.blocked.reduce((sum, group) => sum + group.nodes, 0) ?? 0;
      if (placement === undefined && blocked < snapshot.nodes.length) expect(explanation?.roomForReplicas).toBeGreaterThan(0);
      for (const change of explanation?.changes ?? []) {
        const pending = snapshot.pending.map((one) => (one.id === job.id ? changedJob(one, change) : one));
        expect(decide({ ...snapshot, pending }, NOW).placements.map(({ jobId }) => jobId)).toContain(job.id);
      }
    }
  }, 40);
});
