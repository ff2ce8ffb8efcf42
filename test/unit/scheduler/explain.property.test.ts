import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ActiveJob,
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
      minReplicas: fc.constantFrom(undefined, 2),
      timeLimitMinutes: fc.constantFrom(undefined, 5, 200, 5000),
      port: fc.constantFrom(undefined, undefined, "8080/tcp"),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((jobs) =>
    jobs.map(
      (
        { replicas, priority, waitedSeconds, sameLabel, nodeSelector, maxPerNode, minReplicas, timeLimitMinutes, port, ...asked },
        place,
      ): PendingJob => ({
        ...(minReplicas === undefined || minReplicas > replicas ? {} : { minReplicas }),
        ...(timeLimitMinutes === undefined ? {} : { timeLimitMs: timeLimitMinutes * 60_000 + 30_000, stopGraceMs: 30_000 }),
        ...{ id: String(place + 1), priority, replicas, queuedAt: NOW - waitedSeconds * 1000 },
        resources: resourcesOf(port === undefined ? asked : { ...asked, hostPorts: [port] }),
        rules: { ...NO_RULES, sameLabel, nodeSelector, maxPerNode },
      }),
    ),
  );

/** On each node at most one, on its first GPUs; windows open or still to come. */
const busyArbitrary = fc.record({
  running: fc.array(fc.record({ gpus: fc.integer({ min: 1, max: 8 }), endsInMinutes: fc.constantFrom(undefined, 3, 90, 1000) }), {
    maxLength: 5,
  }),
  windows: fc.array(fc.record({ node: fc.nat(4), fromMinutes: fc.constantFrom(-5, 20, 400), lasts: fc.constantFrom(60, 3000) }), {
    maxLength: 2,
  }),
});

function withBusy(nodes: NodeCapacity[], { running, windows }: typeof busyArbitrary extends fc.Arbitrary<infer Value> ? Value : never) {
  const active = running.flatMap(({ gpus, endsInMinutes }, place): ActiveJob[] => {
    const node = nodes[place];
    if (node === undefined || node.gpus.length === 0) return [];
    const gpuUuids = node.gpus.slice(0, gpus).map(({ uuid }) => uuid);
    const ends = endsInMinutes === undefined ? {} : { endsAt: NOW + endsInMinutes * 60_000 };
    const assignments = [{ rank: 0, nodeId: node.id, nodeAddress: node.address, gpuUuids }];
    return [
      { id: String(100 + place), resources: resourcesOf({ gpus: gpuUuids.length, cpuMillis: 0, memoryBytes: 0 }), assignments, ...ends },
    ];
  });
  const reservations = windows.map(({ node, fromMinutes, lasts }, place) => ({
    ...{ name: `w${place}`, nodes: [`n${node}`], from: NOW + fromMinutes * 60_000, to: NOW + (fromMinutes + lasts) * 60_000, projects: [] },
  }));
  return { active, reservations };
}

test("what the explanation says is what the scheduler does, and each change it names starts the job", () => {
  fc.assert(
    fc.property(nodesArbitrary, jobsArbitrary, busyArbitrary, (nodes, pending, busy) => {
      const snapshot: ClusterSnapshot = { nodes, pending, ...withBusy(nodes, busy) };
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
  expect(explanation?.proof).toBe(
    "5 nodes: 2 driver 535.104 < 550, 1 busy until 2023-11-15 14:20 UTC (job 81), 1 draining, 1 has 3 of 4 GPUs free",
  );
  expect(explanation?.changes.map(({ words }) => words)).toEqual(["--gpus 3", "without conditions on driver, CUDA or compute capability"]);
});

test("who has a node's port is named, and that a port of the node's own choice would do", () => {
  const at = (id: string): NodeCapacity => ({
    ...{ id, name: id, address: "10.0.0.1", state: "ready", lastSeenAt: NOW, cpuMillis: 8_000, memoryBytes: 8 * GIB, gpus: [] },
  });
  const resources = resourcesOf({ hostPorts: ["8080/tcp"] });
  const places = ["a", "b", "c"].map((nodeId, rank) => ({ rank, nodeId, nodeAddress: "10.0.0.1", gpuUuids: [] }));
  const snapshot = {
    nodes: ["a", "b", "c"].map(at),
    active: [{ id: "81", resources, assignments: places }],
    pending: [{ id: "90", priority: 0, queuedAt: NOW, replicas: 1, resources }],
  };
  const explanation = explainJob(decide, snapshot, NOW, "90");
  expect(explanation?.proof).toBe("3 nodes: 3 port 8080/tcp is taken by job 81");
  expect(explanation?.blocked).toMatchObject([{ kind: "port-taken", nodes: 3, examples: ["a", "b", "c"] }]);
  expect(explanation?.changes).toEqual([{ field: "resources.hostPorts", value: null, words: "ports that the node chooses" }]);
});

describe("the cheapest changes", () => {
  const gpus = (node: string, count: number, model = "NVIDIA H100 80GB HBM3") =>
    Array.from({ length: count }, (_, index) => gpuOf(node, index, { model }));
  const node = (id: string, changes: Partial<NodeCapacity> = {}): NodeCapacity => ({
    ...{ id, name: id, address: "10.0.0.1", state: "ready", lastSeenAt: NOW, cpuMillis: 64_000, memoryBytes: 256 * GIB, gpus: gpus(id, 4) },
    ...changes,
  });
  const job = (id: string, changes: Partial<PendingJob> = {}): PendingJob => ({
    ...{ id, priority: 0, queuedAt: NOW - Number(id), replicas: 1, resources: resourcesOf({ gpus: 4 }) },
    ...changes,
  });
  const holding = (id: string, nodeId: string, count: number, endsAt: number): ActiveJob => ({
    ...{ id, endsAt, resources: resourcesOf({ gpus: count }) },
    assignments: [{ rank: 0, nodeId, nodeAddress: "10.0.0.1", gpuUuids: gpus(nodeId, count).map(({ uuid }) => uuid) }],
  });
  const changes = (snapshot: ClusterSnapshot, id: string) => {
    const explanation = explainJob(decide, snapshot, NOW, id);
    return explanation?.changes.map(({ words }) => words);
  };
  const HOURS = 3_600_000;

  test("a time limit lets a job in before the reservation of the job ahead, the longest that does", () => {
    const active = [holding("90", "a", 2, NOW + 3 * HOURS)];
    const ahead = job("9", { priority: 1 });
    const nodes = [node("a")];
    const small = (more: Partial<PendingJob>) => job("1", { resources: resourcesOf({ gpus: 2 }), stopGraceMs: 30_000, ...more });
    expect(changes({ nodes, active, pending: [ahead, small({})] }, "1")).toEqual(["--time 2h"]);
    expect(changes({ nodes, active, pending: [ahead, small({ timeLimitMs: 10 * HOURS })] }, "1")).toEqual(["--time 2h"]);
  });

  test("a time limit lets a job in before a maintenance window", () => {
    const reservations = [{ name: "disks", nodes: ["a"], from: NOW + HOURS + 30_000, to: NOW + 9 * HOURS, projects: [] }];
    const pending = [job("1", { timeLimitMs: 8 * HOURS, stopGraceMs: 30_000 })];
    expect(changes({ nodes: [node("a")], active: [], pending, reservations }, "1")).toEqual(["--time 1h"]);
  });

  test("a taint that the job would have to put up with is named", () => {
    const taints = [{ key: "team", value: "vision" }];
    expect(changes({ nodes: [node("a", { taints })], active: [], pending: [job("1")] }, "1")).toEqual(["tolerations: team=vision"]);
    const rules = { ...NO_RULES, tolerations: [{ key: "other", value: null }] };
    expect(changes({ nodes: [node("a", { taints: [{ key: "t", value: "" }] })], active: [], pending: [job("1", { rules })] }, "1")).toEqual(
      ["tolerations: t"],
    );
  });

  test("an elastic job may begin with less, and keeps its most", () => {
    const active = [holding("90", "a", 4, NOW + HOURS)];
    const pending = [job("1", { replicas: 3, minReplicas: 2 })];
    expect(changes({ nodes: [node("a"), node("b")], active, pending }, "1")).toContain("replicas: {min: 1, max: 3}");
  });

  test("another GPU model and another pool are named where they would do", () => {
    const pool = (name: string) => ({ labels: { "berth.pool": name } });
    const nodes = [node("a", pool("big")), node("b", { ...pool("small"), gpus: gpus("b", 4, "Tesla T4") })];
    const active = [holding("90", "a", 4, NOW + HOURS)];
    const rules = { ...NO_RULES, nodeSelector: { "berth.pool": "big" } };
    expect(changes({ nodes, active, pending: [job("1", { rules })] }, "1")?.slice(0, 2)).toEqual([
      "nodeSelector berth.pool=small",
      "without nodeSelector",
    ]);
    const model = job("1", { resources: resourcesOf({ gpus: 4, gpuModel: "h100" }) });
    expect(changes({ nodes, active, pending: [model] }, "1")?.slice(0, 2)).toEqual(['--gpu-model "Tesla T4"', "without gpuModel h100"]);
  });
});

test("the end of today is told as a time, that of another day with its date", () => {
  const gpus = [gpuOf("n0", 0)];
  const node: NodeCapacity = {
    ...{ id: "n0", name: "n0", address: "10.0.0.1", state: "ready", lastSeenAt: NOW, cpuMillis: 64_000, memoryBytes: 256 * GIB, gpus },
  };
  const job: PendingJob = { id: "2", priority: 0, queuedAt: NOW, replicas: 1, resources: resourcesOf({ gpus: 1 }) };
  const proof = (endsAt: number) => {
    const assignments = [{ rank: 0, nodeId: "n0", nodeAddress: "10.0.0.1", gpuUuids: ["GPU-n0-0"] }];
    const active = [{ id: "1", resources: resourcesOf({ gpus: 1 }), endsAt, assignments }];
    return explainJob(decide, { nodes: [node], pending: [job], active }, NOW, "2")?.proof;
  };
  expect(proof(NOW + 60 * 60_000)).toBe("1 node: 1 busy until 23:13 UTC (job 1)");
  expect(proof(NOW + 72 * 3_600_000)).toBe("1 node: 1 busy until 2023-11-17 22:13 UTC (job 1)");
});
