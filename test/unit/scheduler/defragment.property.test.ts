import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type ActiveJob,
  type ClusterSnapshot,
  createIncrementalDecide,
  decide,
  type PendingJob,
} from "../../../src/control/scheduler/index.ts";
import { type ClusterCase, NOW, snapshotOf } from "../../cluster/cluster-case.ts";
import { runs } from "../../support/property-runs.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Nodes of four GPUs, each with some jobs of one or two that mostly save, and a few larger ones that wait. */
const clusters = fc
  .record({
    nodes: fc.array(
      fc.array(fc.record({ gpus: fc.integer({ min: 1, max: 2 }), savedAgo: fc.integer({ min: 0, max: 15 }) }), { maxLength: 3 }),
      {
        minLength: 2,
        maxLength: 6,
      },
    ),
    queue: fc.array(fc.record({ gpus: fc.integer({ min: 1, max: 4 }), replicas: fc.integer({ min: 1, max: 2 }), waited: fc.nat(30) }), {
      minLength: 1,
      maxLength: 4,
    }),
    movesLeft: fc.integer({ min: 0, max: 4 }),
  })
  .map(({ nodes, queue, movesLeft }): ClusterSnapshot => {
    const cluster: ClusterCase = { name: "", nodes: {}, running: {}, queue: {}, movesLeft };
    let id = 1;
    nodes.forEach((jobs, place) => {
      const node = `n${place}`;
      cluster.nodes[node] = { gpus: 4 };
      let next = 0;
      for (const { gpus, savedAgo } of jobs) {
        if (next + gpus > 4) break;
        const indexes = Array.from({ length: gpus }, (_, index) => next + index).join(",");
        next += gpus;
        (cluster.running as object as Record<string, unknown>)[id] = {
          on: [`${node}:${indexes}`],
          checkpoints: { startedAgo: 90, savedAgo },
        };
        id += 1;
      }
    });
    for (const { gpus, replicas, waited } of queue) {
      cluster.queue[id] = { gpus, replicas, waitedSeconds: waited * 60 };
      id += 1;
    }
    return snapshotOf(cluster);
  });

const gpusOf = (jobs: readonly ActiveJob[]) => jobs.flatMap(({ assignments }) => assignments.flatMap(({ gpuUuids }) => gpuUuids)).length;

/** The cluster when everybody who was asked has stopped and waits again; promises are kept with their jobs, as the rows do. */
function afterwards(snapshot: ClusterSnapshot, now: number): { next: ClusterSnapshot; moved: ActiveJob[] } {
  const plan = decide(snapshot, now);
  const gone = new Map(plan.preemptions.map(({ jobId, forJobId }) => [jobId, forJobId]));
  const placed = new Map(plan.placements.map(({ jobId, assignments }) => [jobId, assignments]));
  const promises = new Map(plan.promises.map(({ jobId, ...promise }) => [jobId, promise]));
  const moved = snapshot.active.filter(({ id }) => gone.has(id));
  const started = snapshot.pending.flatMap((job): ActiveJob[] => {
    const assignments = placed.get(job.id);
    // As its checkpoints go on, everybody has always just saved.
    return assignments === undefined
      ? []
      : [{ id: job.id, resources: job.resources, assignments, priority: 0, startedAt: now, again: job }];
  });
  const waits = snapshot.pending
    .filter(({ id }) => !placed.has(id))
    .map((job): PendingJob => {
      const { promise: _before, ...rest } = job;
      const promise = promises.get(job.id);
      return promise === undefined ? rest : { ...rest, promise };
    });
  const next = {
    ...snapshot,
    active: [...snapshot.active.filter(({ id }) => !gone.has(id)), ...started],
    pending: [...waits, ...moved.flatMap(({ again }) => (again === undefined ? [] : [{ ...again, movedAt: now }]))],
  };
  return { next, moved };
}

test("a move lets its job start and finds room itself in the same moment; every GPU in use stays so, and more come on top", () => {
  fc.assert(
    fc.property(clusters, (snapshot) => {
      const { next, moved } = afterwards(snapshot, NOW);
      const left = (snapshot.defragment?.movesPerHour ?? 0) - (snapshot.defragment?.movesLastHour ?? 0);
      expect(moved.length).toBeLessThanOrEqual(Math.max(0, left));
      for (const { checkpointAt = 0, startedAt = 0 } of moved) {
        expect(NOW - checkpointAt).toBeLessThan(10 * MINUTE);
        expect(NOW - startedAt).toBeGreaterThanOrEqual(HOUR);
      }
      if (moved.length === 0) return;
      const target = next.pending.find(({ promise }) => promise !== undefined) as PendingJob;
      const { placements } = decide(next, NOW + MINUTE);
      const started = new Set(placements.map(({ jobId }) => jobId));
      expect(started).toContain(target.id);
      for (const { id } of moved) expect(started).toContain(id);
      const before = gpusOf(snapshot.active);
      const after =
        gpusOf(next.active) + placements.reduce((sum, { assignments }) => sum + assignments.flatMap(({ gpuUuids }) => gpuUuids).length, 0);
      expect(after).toBeGreaterThanOrEqual(before + target.resources.gpus * target.replicas);
    }),
    { numRuns: runs(100) },
  );
});

test("over hours no job moves twice within one, the hour's moves are never exceeded, and it comes to rest", () => {
  fc.assert(
    fc.property(clusters, (first) => {
      let snapshot = first;
      const decideAgain = createIncrementalDecide();
      const history: { id: string; at: number }[] = [];
      for (let step = 0; step < 30; step += 1) {
        const now = NOW + step * 10 * MINUTE;
        const recent = history.filter(({ at }) => now - at < HOUR);
        const saved = (job: ActiveJob): ActiveJob => {
          const movedAt = history.findLast(({ id }) => id === job.id)?.at;
          return { ...job, checkpointAt: Math.max(job.startedAt ?? 0, now - 1000), ...(movedAt === undefined ? {} : { movedAt }) };
        };
        snapshot = { ...snapshot, active: snapshot.active.map(saved), defragment: { movesPerHour: 2, movesLastHour: recent.length } };
        expect(decideAgain(snapshot, now)).toEqual(decide(snapshot, now));
        const { next, moved } = afterwards(snapshot, now);
        expect(recent.length + moved.length).toBeLessThanOrEqual(2);
        for (const { id } of moved) {
          expect(recent.map((past) => past.id)).not.toContain(id);
          history.push({ id, at: now });
        }
        snapshot = next;
      }
      // Each move started a job that waited: without new jobs there are no more moves than so many times the gangs' parts.
      expect(history.length).toBeLessThanOrEqual(first.pending.length * 4);
    }),
    { numRuns: runs(12) },
  );
});
