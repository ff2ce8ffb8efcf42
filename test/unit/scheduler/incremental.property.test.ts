import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type ActiveJob,
  type ClusterSnapshot,
  createIncrementalDecide,
  decide,
  givePromises,
  type NodeCapacity,
  type PendingJob,
  SERVICE_POLICY,
} from "../../../src/control/scheduler/index.ts";
import { NO_RULES } from "../../../src/shared/domain/index.ts";
import { GIB, gpuOf, resourcesOf } from "../../support/control-samples.ts";
import { runs } from "../../support/property-runs.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;

const jobArbitrary = fc.record({
  gpus: fc.integer({ min: 0, max: 4 }),
  gpuModel: fc.constantFrom(null, null, "h100"),
  cpuMillis: fc.constantFrom(1000, 4000),
  replicas: fc.constantFrom(1, 1, 1, 2, 3),
  elastic: fc.boolean(),
  port: fc.constantFrom(undefined, undefined, undefined, "8080/tcp"),
  priority: fc.integer({ min: 0, max: 2 }),
  waitedSeconds: fc.constantFrom(5, 60, 3600),
  together: fc.constantFrom(null, null, "rack"),
  timeLimitSeconds: fc.constantFrom(undefined, 600, 600, 1800, 5400, 36_000),
  project: fc.constantFrom("a", "b", undefined),
  user: fc.constantFrom("u", "v"),
  serviceIndex: fc.constantFrom(0, 0.001, 0.1),
});

const limits = { gpus: null, jobs: null, gpusPerUser: null, jobsPerUser: null };

/** What the operator has set up, the same for all steps. */
const setUpArbitrary: fc.Arbitrary<Pick<ClusterSnapshot, "projects" | "queueing" | "reservations">> = fc
  .record({
    guaranteed: fc.constantFrom(null, null, 0, 8),
    service: fc.constantFrom(false, false, true),
    gpusPerUser: fc.constantFrom(null, 6),
    reserved: fc.boolean(),
  })
  .map(({ guaranteed, service, gpusPerUser, reserved }) => ({
    ...(service ? { queueing: { ...SERVICE_POLICY, hysteresis: 4, minRunMs: 0 } } : {}),
    ...(reserved ? { reservations: [{ name: "r", nodes: ["n0", "n1"], from: NOW - 1000, to: NOW + 1_000_000, projects: ["a"] }] } : {}),
    ...(guaranteed === null
      ? {}
      : {
          projects: [
            { name: "a", parent: null, weight: 2, guaranteedGpus: guaranteed, limits: { ...limits, gpusPerUser }, usage: 1 },
            { name: "b", parent: "a", weight: 1, guaranteedGpus: 0, limits, usage: 0 },
          ],
        }),
  }));

type Step =
  | { type: "submit"; job: typeof jobArbitrary extends fc.Arbitrary<infer J> ? J : never }
  | { type: "cancel" | "end" | "node"; pick: number }
  | { type: "place"; minutes: number };

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("submit" as const), job: jobArbitrary }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom("cancel" as const, "end" as const, "node" as const), pick: fc.nat(1000) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("place" as const), minutes: fc.constantFrom(0, 0, 1, 20) }) },
);

function nodeOf(place: number): NodeCapacity {
  const model = place % 2 === 0 ? "NVIDIA H100 80GB HBM3" : "Tesla T4";
  const gpus = Array.from({ length: 4 }, (_, index) => gpuOf(`n${place}`, index, { model }));
  const common = { address: "10.0.0.1", state: "ready" as const, lastSeenAt: NOW, cpuMillis: 16_000, memoryBytes: 64 * GIB };
  return { id: `n${place}`, name: `n${place}`, ...common, gpus, labels: { rack: place < 3 ? "r1" : "r2" } };
}

function pendingOf(id: number, asked: Extract<Step, { type: "submit" }>["job"]): PendingJob {
  return {
    id: String(id),
    priority: asked.priority,
    queuedAt: NOW - asked.waitedSeconds * 1000,
    replicas: asked.replicas,
    ...(asked.elastic && asked.replicas > 1 ? { minReplicas: 1 } : {}),
    resources: resourcesOf({
      ...{ gpus: asked.gpus, gpuModel: asked.gpuModel, cpuMillis: asked.cpuMillis },
      ...(asked.port === undefined ? {} : { hostPorts: [asked.port] }),
    }),
    ...(asked.together === null ? {} : { rules: { ...NO_RULES, sameLabel: asked.together } }),
    ...{ user: asked.user, serviceIndex: asked.serviceIndex },
    ...(asked.project === undefined ? {} : { project: asked.project }),
    ...(asked.timeLimitSeconds === undefined ? {} : { timeLimitMs: asked.timeLimitSeconds * 1000 }),
  };
}

function without<T>(items: readonly T[], pick: number): T[] {
  return items.filter((_, place) => items.length === 0 || place !== pick % items.length);
}

/** The snapshot after the step; what has not changed stays the same object. */
function after(snapshot: ClusterSnapshot, step: Step, place: number, now: number): ClusterSnapshot {
  const { nodes, pending, active } = snapshot;
  switch (step.type) {
    case "submit":
      return { ...snapshot, pending: [...pending, pendingOf(100 + place, step.job)] };
    case "cancel":
      return { ...snapshot, pending: without(pending, step.pick) };
    case "end":
      return { ...snapshot, active: without(active, step.pick) };
    case "node":
      return { ...snapshot, nodes: nodes.map((node, at) => (at === step.pick % nodes.length ? toggled(node) : node)) };
    case "place": {
      const { placements, preemptions, promises } = decide(snapshot, now);
      const asked = new Set(preemptions.map(({ jobId }) => jobId));
      const started = new Map(placements.map(({ jobId, assignments }) => [jobId, assignments]));
      const running = pending.flatMap((job): ActiveJob[] => {
        const assignments = started.get(job.id);
        const ends = job.timeLimitMs === undefined ? {} : { endsAt: now + job.timeLimitMs };
        return assignments === undefined ? [] : [{ ...job, assignments, startedAt: now - HOUR, ...ends }];
      });
      const left = active.filter(({ stopping }) => stopping !== true).map((job) => (asked.has(job.id) ? { ...job, stopping: true } : job));
      const waiting = pending.filter(({ id }) => !started.has(id));
      return { ...snapshot, active: [...left, ...running], pending: givePromises(waiting, { promises }) };
    }
  }
}

function toggled(node: NodeCapacity): NodeCapacity {
  return { ...node, state: node.state === "ready" ? "suspect" : "ready" };
}

/** Decides after every step, from what is remembered and from nothing; both must say the same. */
function sameAfterAll(start: ClusterSnapshot, steps: readonly Step[]): void {
  const incremental = createIncrementalDecide();
  let [snapshot, now] = [start, NOW];
  for (const [place, step] of steps.entries()) {
    if (step.type === "place") now += step.minutes * 60_000;
    snapshot = after(snapshot, step, place, now);
    expect(incremental(snapshot, now)).toEqual(decide(snapshot, now));
  }
}

test("deciding again from what is remembered gives the plan that deciding from nothing gives", () => {
  fc.assert(
    fc.property(setUpArbitrary, fc.array(stepArbitrary, { minLength: 1, maxLength: 25 }), (setUp, steps) => {
      const nodes = Array.from({ length: 6 }, (_, place) => nodeOf(place));
      sameAfterAll({ ...setUp, nodes, pending: [], active: [] }, steps);
    }),
    { numRuns: runs(200) },
  );
});

/** A queue of jobs with time limits that is longer than the cluster is large, so that its head has reservations in every pass. */
const busyArbitrary = fc.array(
  jobArbitrary.map((job) => ({ ...job, gpus: Math.max(1, job.gpus), timeLimitSeconds: job.timeLimitSeconds ?? (1800 as const) })),
  { minLength: 15, maxLength: 30 },
);

test("reservations that are remembered are those that would be made from nothing, whatever has happened since", () => {
  fc.assert(
    fc.property(setUpArbitrary, busyArbitrary, fc.array(stepArbitrary, { minLength: 1, maxLength: 15 }), (setUp, jobs, steps) => {
      const nodes = Array.from({ length: 6 }, (_, place) => nodeOf(place));
      const pending = jobs.map((job, place) => pendingOf(1000 + place, job));
      const filling: Step[] = [{ type: "place", minutes: 0 }];
      sameAfterAll({ ...setUp, nodes, pending, active: [] }, [...filling, ...steps]);
    }),
    { numRuns: runs(80) },
  );
});
