import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type ClusterSnapshot,
  changedJob,
  decide,
  explainJob,
  type NodeCapacity,
  type PendingJob,
} from "../../../src/control/scheduler/index.ts";
import { NO_RULES } from "../../../src/shared/domain/index.ts";
import { GIB, gpuOf, resourcesOf } from "../../support/control-samples.ts";
import { runs } from "../../support/property-runs.ts";

const NOW = 1_700_000_000_000;

const nodesArbitrary = fc
  .array(
    fc.record({
      gpus: fc.integer({ min: 0, max: 8 }),
      model: fc.constantFrom("NVIDIA H100 80GB HBM3", "Tesla T4"),
      cpus: fc.integer({ min: 1, max: 16 }),
      state: fc.constantFrom("ready" as const, "ready" as const, "ready" as const, "lost" as const),
      rack: fc.constantFrom("r1", "r2"),
      tainted: fc.boolean(),
      cordoned: fc.boolean(),
      sick: fc.boolean(),
    }),
    { maxLength: 5 },
  )
  .map((nodes) =>
    nodes.map(
      ({ gpus, model, cpus, state, rack, tainted, cordoned, sick }, place): NodeCapacity => ({
        ...{
          id: `n${place}`,
          name: `n${place}`,
          address: "10.0.0.1",
          state,
          lastSeenAt: NOW,
          cpuMillis: cpus * 1000,
          memoryBytes: 32 * GIB,
        },
        gpus: Array.from({ length: gpus }, (_, index) => gpuOf(`n${place}`, index, { model, healthy: !(sick && index === 0) })),
        labels: { rack },
        taints: tainted && place > 2 ? [{ key: "t", value: "" }] : [],
        ...(cordoned && place > 3 ? { closed: "cordoned" } : {}),
      }),
    ),
  );

const jobsArbitrary = fc
  .array(
    fc.record({
      gpus: fc.integer({ min: 0, max: 9 }),
      gpuModel: fc.constantFrom(null, "h100", "b200"),
      cpuMillis: fc.constantFrom(500, 4000, 17_000),
      memoryBytes: fc.constantFrom(GIB, 40 * GIB),
      replicas: fc.integer({ min: 1, max: 4 }),
      priority: fc.integer({ min: 0, max: 2 }),
      waitedSeconds: fc.constantFrom(5, 3600),
      sameLabel: fc.constantFrom(null, "rack"),
      nodeSelector: fc.constantFrom({}, { rack: "r1" }, { rack: "r9" }),
      maxPerNode: fc.constantFrom(null, 1),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((jobs) =>
    jobs.map(
      ({ replicas, priority, waitedSeconds, sameLabel, nodeSelector, maxPerNode, ...asked }, place): PendingJob => ({
        ...{ id: String(place + 1), priority, replicas, queuedAt: NOW - waitedSeconds * 1000 },
        resources: resourcesOf(asked),
        rules: { ...NO_RULES, sameLabel, nodeSelector, maxPerNode },
      }),
    ),
  );

test("what the explanation says is what the scheduler does, and each change it names starts the job", () => {
  fc.assert(
    fc.property(nodesArbitrary, jobsArbitrary, (nodes, pending) => {
      const snapshot: ClusterSnapshot = { nodes, pending, active: [] };
      const plan = decide(snapshot, NOW);
      for (const job of pending) {
        const explanation = explainJob(decide, snapshot, NOW, job.id);
        const placement = plan.placements.find(({ jobId }) => jobId === job.id);
        expect(explanation?.assignments).toEqual(placement?.assignments ?? null);
        expect(explanation?.reason).toEqual(plan.reasons.find(({ jobId }) => jobId === job.id)?.reason ?? null);
        // Every node is accounted for, and a job that starts had room.
        const blocked = explanation?.blocked.reduce((sum, group) => sum + group.nodes, 0) ?? 0;
        expect(blocked).toBeLessThanOrEqual(nodes.length);
        if (placement === undefined && blocked < nodes.length) expect(explanation?.roomForReplicas).toBeGreaterThan(0);
        for (const change of explanation?.changes ?? []) {
          const changed = pending.map((one) => (one.id === job.id ? changedJob(one, change) : one));
          expect(decide({ ...snapshot, pending: changed }, NOW).placements.map(({ jobId }) => jobId)).toContain(job.id);
        }
      }
    }),
    { numRuns: runs(150) },
  );
});

test("a node is named with what it lacks, alike ones are counted together", () => {
  const node = (place: number, changes: Partial<NodeCapacity>): NodeCapacity => ({
    ...{
      id: `n${place}`,
      name: `n${place}`,
      address: "10.0.0.1",
      state: "ready",
      lastSeenAt: NOW,
      cpuMillis: 64_000,
      memoryBytes: 256 * GIB,
    },
    gpus: Array.from({ length: 4 }, (_, index) => gpuOf(`n${place}`, index)),
    driverVersion: "550.54",
    ...changes,
  });
  const nodes = [
    ...[0, 1].map((place) => node(place, {})),
    ...[2, 3].map((place) => node(place, { driverVersion: "535.104" })),
    node(4, { closed: "draining" }),
  ];
  const holding = (id: string, nodeId: string, gpus: number[]) => ({
    ...{ id, resources: resourcesOf({ gpus: gpus.length }), endsAt: Date.parse("2023-11-15T14:20:00Z") },
    assignments: [{ rank: 0, nodeId, nodeAddress: "10.0.0.1", gpuUuids: gpus.map((gpu) => `GPU-${nodeId}-${gpu}`) }],
  });
  const resources = resourcesOf({ gpus: 4, gpuConditions: [{ subject: "driver", operator: ">=", value: "550" }] });
  const job: PendingJob = { id: "90", priority: 0, queuedAt: NOW, replicas: 1, resources };
  const active = [holding("81", "n0", [0, 1, 2, 3]), holding("82", "n1", [0])];
  const explanation = explainJob(decide, { nodes, pending: [job], active }, NOW, "90");
  expect(explanation?.proof).toBe("5 nodes: 2 driver 535.104 < 550, 1 busy until 14:20 UTC (job 81), 1 draining, 1 have 3 of 4 GPUs free");
  expect(explanation?.changes.map(({ words }) => words)).toEqual(["--gpus 3", "without conditions on driver, CUDA or compute capability"]);
});
