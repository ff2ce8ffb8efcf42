import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ActiveJob, type ClusterSnapshot, decide, type NodeCapacity, type PendingJob } from "../../../src/control/scheduler/index.ts";
import { GIB, gpuOf, resourcesOf } from "../../support/control-samples.ts";

const NOW = 1_700_000_000_000;
const MODELS = ["NVIDIA A100-SXM4-80GB", "NVIDIA H100 80GB HBM3", "Tesla T4"];

const gpuArbitrary = fc.record({ model: fc.constantFrom(...MODELS), memoryGi: fc.constantFrom(16, 80) });

const nodesArbitrary = fc
  .array(
    fc.record({
      state: fc.constantFrom("ready" as const, "ready" as const, "ready" as const, "suspect" as const, "lost" as const),
      cpus: fc.integer({ min: 1, max: 16 }),
      memoryGi: fc.integer({ min: 1, max: 32 }),
      gpus: fc.array(gpuArbitrary, { maxLength: 8 }),
      sick: fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 2 }),
    }),
    { maxLength: 6 },
  )
  .map((nodes) =>
    nodes.map(
      (node, position): NodeCapacity => ({
        id: `n${position}`,
        name: `n${position}`,
        address: `10.0.0.${position}`,
        state: node.state,
        lastSeenAt: NOW - 1000,
        cpuMillis: node.cpus * 1000,
        memoryBytes: node.memoryGi * GIB,
        gpus: node.gpus.map(({ model, memoryGi }, index) =>
          gpuOf(`n${position}`, index, { model, memoryBytes: memoryGi * GIB, healthy: !node.sick.includes(index) }),
        ),
      }),
    ),
  );

const requestArbitrary = fc
  .record({
    gpus: fc.integer({ min: 0, max: 9 }),
    gpuModel: fc.constantFrom(null, null, "h100", "A100", "b200"),
    gpuMemoryBytes: fc.constantFrom(null, null, 40 * GIB, 141 * GIB),
    cpuMillis: fc.constantFrom(1, 500, 1000, 4000, 17_000),
    memoryBytes: fc.constantFrom(GIB / 2, GIB, 8 * GIB, 40 * GIB),
    hostPorts: fc.constantFrom<(string[] | undefined)[]>(
      undefined,
      undefined,
      undefined,
      ["8080/tcp"],
      ["6006/tcp", "8080/tcp"],
      ["8080/udp"],
    ),
  })
  .map(({ hostPorts, ...request }) => resourcesOf(hostPorts === undefined ? request : { ...request, hostPorts }));

const pendingArbitrary = fc
  .array(
    fc.record({
      priority: fc.integer({ min: -2, max: 2 }),
      waited: fc.constantFrom(0, 1000, 599_999, 600_000, 10 ** 7),
      replicas: fc.integer({ min: 1, max: 5 }),
      resources: requestArbitrary,
    }),
    { maxLength: 25 },
  )
  .map((jobs) => jobs.map(({ waited, ...job }, index): PendingJob => ({ ...job, id: String(100 + index), queuedAt: NOW - waited })));

/** Snapshots whose active jobs hold what an earlier decision gave them, as in a real cluster. */
const snapshotArbitrary = fc
  .record({ nodes: nodesArbitrary, earlier: pendingArbitrary, pending: pendingArbitrary })
  .map(({ nodes, earlier, pending }): ClusterSnapshot => {
    const requests = new Map(earlier.map((job) => [job.id, job.resources]));
    const allReady = nodes.map((node) => ({ ...node, state: "ready" as const }));
    const placements = decide({ nodes: allReady, pending: earlier, active: [] }, NOW - 10_000).placements;
    const active = placements.map(
      ({ jobId, assignments }): ActiveJob => ({ id: `9${jobId}`, assignments, resources: requests.get(jobId) ?? resourcesOf() }),
    );
    return { nodes, pending, active };
  });

function check(property: (snapshot: ClusterSnapshot) => void, runs = 400) {
  fc.assert(fc.property(snapshotArbitrary, property), { numRuns: runs });
}

describe("whatever the cluster and the queue", () => {
  test("every pending job is either placed or told why not, once", () => {
    check((snapshot) => {
      const plan = decide(snapshot, NOW);
      const answered = [...plan.placements, ...plan.reasons].map(({ jobId }) => jobId).sort();
      expect(answered).toEqual(snapshot.pending.map(({ id }) => id).sort());
      for (const { reason } of plan.reasons) expect(reason).toMatch(/^\S.{7,600}[^.\s]$/);
      expect(JSON.stringify(plan.reasons)).not.toMatch(/undefined|null|NaN|Infinity/);
    });
  });

  test("a gang is placed whole, each rank once", () => {
    check((snapshot) => {
      for (const { jobId, assignments } of decide(snapshot, NOW).placements) {
        const job = snapshot.pending.find(({ id }) => id === jobId);
        expect(assignments.map(({ rank }) => rank)).toEqual(Array.from({ length: job?.replicas ?? -1 }, (_, rank) => rank));
        for (const { gpuUuids } of assignments) expect(new Set(gpuUuids).size).toBe(job?.resources.gpus);
      }
    });
  });

  test("no GPU or port of a node is given twice, and CPU and memory are never overcommitted", () => {
    check((snapshot) => {
      const plan = decide(snapshot, NOW);
      const request = (jobId: string) => snapshot.pending.find(({ id }) => id === jobId)?.resources ?? resourcesOf();
      const held = [
        ...snapshot.active,
        ...plan.placements.map(({ jobId, assignments }) => ({ id: jobId, assignments, resources: request(jobId) })),
      ];
      const gpus = held.flatMap(({ assignments }) => assignments.flatMap(({ gpuUuids }) => gpuUuids));
      expect(new Set(gpus).size).toBe(gpus.length);
      for (const node of snapshot.nodes) {
        const here = held.flatMap(({ assignments, resources }) =>
          assignments.filter(({ nodeId }) => nodeId === node.id).map(() => resources),
        );
        const ports = here.flatMap(({ hostPorts = [] }) => hostPorts);
        expect(new Set(ports).size).toBe(ports.length);
        expect(here.reduce((sum, { cpuMillis }) => sum + cpuMillis, 0)).toBeLessThanOrEqual(node.cpuMillis);
        expect(here.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)).toBeLessThanOrEqual(node.memoryBytes);
      }
    });
  });

  test("only ready nodes and healthy, fitting GPUs are used", () => {
    check((snapshot) => {
      for (const { jobId, assignments } of decide(snapshot, NOW).placements) {
        const wish = snapshot.pending.find(({ id }) => id === jobId)?.resources;
        for (const { nodeId, gpuUuids } of assignments) {
          const node = snapshot.nodes.find(({ id }) => id === nodeId);
          expect(node?.state).toBe("ready");
          for (const uuid of gpuUuids) {
            const gpu = node?.gpus.find((candidate) => candidate.uuid === uuid);
            expect(gpu?.healthy).toBe(true);
            expect(gpu?.model.toLowerCase()).toContain(wish?.gpuModel?.toLowerCase() ?? "");
            expect(gpu?.memoryBytes).toBeGreaterThanOrEqual(wish?.gpuMemoryBytes ?? 0);
          }
        }
      }
    });
  });

  test("the order in which nodes and jobs are listed does not matter, nor is the snapshot changed", () => {
    check((snapshot) => {
      const before = structuredClone(snapshot);
      const plan = decide(snapshot, NOW);
      const shuffled = {
        nodes: [...snapshot.nodes].reverse(),
        pending: [...snapshot.pending].reverse(),
        active: [...snapshot.active].reverse(),
      };
      expect(decide(shuffled, NOW)).toEqual(plan);
      expect(snapshot).toEqual(before);
    });
  });

  test("a job that could start alone is only kept waiting by jobs before it", () => {
    check((snapshot) => {
      const plan = decide(snapshot, NOW);
      if (plan.placements.length > 0) return;
      const first = [...snapshot.pending].sort(
        (left, right) => right.priority - left.priority || left.queuedAt - right.queuedAt || Number(left.id) - Number(right.id),
      )[0];
      if (first !== undefined) expect(decide({ ...snapshot, pending: [first] }, NOW).placements).toEqual([]);
    });
  });

  test("a gang starts at last although small jobs never stop coming", () => {
    const nodes: NodeCapacity[] = [
      {
        id: "a",
        name: "a",
        address: "10.0.0.1",
        state: "ready",
        lastSeenAt: NOW,
        cpuMillis: 64_000,
        memoryBytes: 64 * GIB,
        gpus: [0, 1, 2, 3].map((index) => gpuOf("a", index)),
      },
    ];
    const large: PendingJob = { id: "1", priority: 0, queuedAt: NOW, replicas: 1, resources: resourcesOf({ gpus: 4 }) };
    let running: (ActiveJob & { endsAt: number })[] = [];
    for (let minute = 0; minute < 30; minute += 1) {
      const now = NOW + minute * 60_000;
      running = running.filter(({ endsAt }) => endsAt > now);
      const small = [0, 1].map(
        (copy): PendingJob => ({
          id: String(1000 + minute * 2 + copy),
          priority: 0,
          queuedAt: now,
          replicas: 1,
          resources: resourcesOf({ gpus: 1 }),
        }),
      );
      const plan = decide({ nodes, pending: minute === 0 ? small : [large, ...small], active: running }, now);
      if (plan.placements.some(({ jobId }) => jobId === "1")) return expect(minute).toBeLessThanOrEqual(14);
      running.push(
        ...plan.placements.map(({ jobId, assignments }) => ({
          id: jobId,
          assignments,
          resources: resourcesOf({ gpus: 1 }),
          endsAt: now + 3 * 60_000,
        })),
      );
    }
    throw new Error("the gang never started");
  });
});
