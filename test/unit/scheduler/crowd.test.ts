import fc from "fast-check";
import { expect, test } from "vitest";
import { type ClusterSnapshot, createIncrementalDecide, decide, type PendingJob, type Plan } from "../../../src/control/scheduler/index.ts";
import { GIB, resourcesOf } from "../../support/control-samples.ts";
import { NOW, nodeOf, pendingOf } from "./queue-samples.ts";

function asking(id: number, cpus: number, replicas: number, more: Partial<PendingJob> = {}): PendingJob {
  const resources = resourcesOf({ gpus: 0, cpuMillis: cpus * 1000, memoryBytes: GIB });
  return pendingOf(String(id), 0, { replicas, resources, queuedAt: NOW - 100_000 + id, ...more });
}

test("a node that was booked twice since a gang of the same kind was placed has its room counted once", () => {
  const node = { ...nodeOf("n1", 0), cpuMillis: 16_000 };
  const small = [2, 3, 4, 5].map((id) => asking(id, 1, 1));
  const { placements } = decide({ nodes: [node], active: [], pending: [asking(1, 2, 4), ...small, asking(6, 2, 4)] }, NOW);
  expect(placements.map(({ jobId }) => jobId)).toEqual(["1", "2", "3", "4", "5"]);
});

const crowd = fc.record({
  gpus: fc.constantFrom(0, 1, 2, 4),
  replicas: fc.constantFrom(1, 1, 2, 6),
  priority: fc.constantFrom(0, 0, 5),
  waited: fc.constantFrom(1000, 1_200_000),
  limit: fc.constantFrom(undefined, 600_000, 3_600_000),
  many: fc.integer({ min: 1, max: 60 }),
});

/** More jobs than get reasons of their own, most of them alike. */
const queue = fc.array(crowd, { minLength: 3, maxLength: 12 }).map((crowds) =>
  crowds.flatMap(({ gpus, replicas, priority, waited, limit, many }, which) =>
    Array.from({ length: many }, (_, place) =>
      pendingOf(String(1000 * (which + 1) + place), gpus, {
        ...{ replicas, priority, queuedAt: NOW - waited - place },
        ...(limit === undefined ? {} : { timeLimitMs: limit }),
      }),
    ),
  ),
);

function started(snapshot: ClusterSnapshot, { placements }: Plan): ClusterSnapshot {
  const places = new Map(placements.map(({ jobId, assignments }) => [jobId, assignments]));
  const running = snapshot.pending.flatMap(({ id, resources, timeLimitMs }) => {
    const assignments = places.get(id);
    if (assignments === undefined) return [];
    return [{ id, resources, assignments, ...(timeLimitMs === undefined ? {} : { endsAt: NOW + timeLimitMs }) }];
  });
  return { ...snapshot, active: [...snapshot.active, ...running], pending: snapshot.pending.filter(({ id }) => !places.has(id)) };
}

test("in a long queue of jobs that are alike every job is judged once, remembered or not", () => {
  const nodes = Array.from({ length: 3 }, (_, place) => nodeOf(`n${place}`, 8));
  fc.assert(
    fc.property(queue, fc.array(fc.nat(1000), { maxLength: 4 }), (pending, ends) => {
      const incremental = createIncrementalDecide();
      let snapshot: ClusterSnapshot = { nodes, active: [], pending };
      for (const end of [0, ...ends]) {
        const plan = incremental(snapshot, NOW);
        expect(plan).toEqual(decide(snapshot, NOW));
        const judged = [...plan.placements, ...plan.reasons].map(({ jobId }) => jobId);
        expect(judged.sort()).toEqual(snapshot.pending.map(({ id }) => id).sort());
        snapshot = started(snapshot, plan);
        snapshot = { ...snapshot, active: snapshot.active.filter((_, place) => place !== end % Math.max(1, snapshot.active.length)) };
      }
    }),
    { numRuns: 25 },
  );
});
