import { describe, expect, test } from "vitest";
import {
  type ClusterSnapshot,
  createIncrementalDecide,
  decide,
  NO_LIMITS,
  type PendingJob,
  type ProjectShare,
} from "../../../src/control/scheduler/index.ts";
import { activeOf, HOUR, NOW, nodeOf, pendingOf } from "./queue-samples.ts";

const project = (name: string, changes: Partial<ProjectShare> = {}): ProjectShare => ({
  ...{ name, parent: null, weight: 1, guaranteedGpus: 0, limits: NO_LIMITS, usage: 0 },
  ...changes,
});
const placed = (snapshot: ClusterSnapshot, now = NOW) => decide(snapshot, now).placements.map(({ jobId }) => jobId);
const reasons = (snapshot: ClusterSnapshot, now = NOW) => decide(snapshot, now).reasons.map(({ kind }) => kind);

test("a cluster with zero nodes places nothing and says why, also with quotas, reservations and promises", () => {
  const snapshot = {
    ...{ nodes: [], active: [], projects: [project("p", { guaranteedGpus: 4 })] },
    pending: [pendingOf("1", 1, { project: "p", promise: { nodeIds: ["gone"], madeAt: NOW, until: NOW + HOUR } }), pendingOf("2", 0)],
    reservations: [{ name: "w", nodes: ["gone"], from: NOW, to: NOW + HOUR, projects: [] }],
  };
  const plan = decide(snapshot, NOW);
  expect({ ...plan, reasons: plan.reasons.map(({ reason }) => reason) }).toEqual({
    ...{ placements: [], preemptions: [], promises: [] },
    reasons: ["no node has joined yet", "no node has joined yet"],
  });
});

test("a job larger than the cluster waits as one that can never fit, and holds nobody back however long it has waited", () => {
  const pending = [pendingOf("1", 9, { queuedAt: NOW - 100 * HOUR, priority: 9 }), pendingOf("2", 8)];
  const plan = decide({ nodes: [nodeOf("a", 8)], pending, active: [] }, NOW);
  expect(plan.placements.map(({ jobId }) => jobId)).toEqual(["2"]);
  expect(plan.reasons).toEqual([{ jobId: "1", kind: "never-fits", reason: "can never fit: 9 GPUs asked, the largest node has 8" }]);
});

describe("a node that reports fewer GPUs than are assigned", () => {
  const shrunk = nodeOf("a", 2);
  const active = [activeOf("1", "a", [0, 1, 2, 3], { startedAt: NOW - HOUR })];

  test("has none free, and nothing more is placed on it", () => {
    expect(placed({ nodes: [shrunk], pending: [pendingOf("2", 1)], active })).toEqual([]);
    expect(placed({ nodes: [shrunk, nodeOf("b", 4)], pending: [pendingOf("2", 4)], active })).toEqual(["2"]);
  });

  test("gives back only the GPUs it has when the job ends or makes room", () => {
    const projects = [project("owner", { guaranteedGpus: 2 })];
    const borrowed = [activeOf("1", "a", [0, 1, 2, 3], { project: "guest", startedAt: NOW - HOUR })];
    const ask = (gpus: number) =>
      decide({ nodes: [shrunk], pending: [pendingOf("2", gpus, { project: "owner" })], active: borrowed, projects }, NOW);
    expect(ask(2).preemptions.map(({ jobId }) => jobId)).toEqual(["1"]);
    expect(ask(3).preemptions).toEqual([]);
    expect(placed({ nodes: [shrunk], pending: [pendingOf("2", 2)], active: [] })).toEqual(["2"]);
  });

  test("is the same to the incremental decision", () => {
    const incremental = createIncrementalDecide();
    const full = { nodes: [nodeOf("a", 4)], pending: [pendingOf("2", 1)], active };
    incremental(full, NOW);
    const less = { ...full, nodes: [shrunk] };
    expect(incremental(less, NOW)).toEqual(decide(less, NOW));
  });
});

describe("clock steps", () => {
  const promise = { nodeIds: ["a"], madeAt: NOW, until: NOW + 300_000 };
  const stopping = [activeOf("1", "a", [0, 1, 2, 3], { project: "guest", startedAt: NOW - HOUR, stopping: true })];
  const projects = [project("owner", { guaranteedGpus: 4 }), project("rival", { guaranteedGpus: 4, weight: 100 })];
  const rivals = [pendingOf("2", 4, { project: "owner", promise }), pendingOf("3", 4, { project: "rival", priority: 9 })];
  const promisedAt = (now: number) =>
    decide({ nodes: [nodeOf("a", 4)], pending: rivals, active: stopping, projects }, now).promises.map(({ jobId }) => jobId);

  test.each([
    ["a little forward", 299_999, "2"],
    ["a little back, as a new leader's clock may be", -60_000, "2"],
    ["far forward", 24 * HOUR, "3"],
    ["far back: a promise must not last until the clock is there again", -24 * HOUR, "3"],
  ])("%s: a promise holds for its time either way, and no longer", (_name, step, holder) => {
    expect(promisedAt(NOW + step)).toEqual([holder]);
  });

  test.each([-24 * HOUR, 24 * HOUR, -NOW])(
    "of %d ms leave a plan in which everybody has an answer and nobody is stopped too early",
    (step) => {
      const now = NOW + step;
      const active = [activeOf("1", "a", [0, 1, 2, 3], { project: "guest", startedAt: NOW - 60_000, endsAt: NOW + HOUR })];
      const pending = [pendingOf("2", 4, { project: "owner" }), pendingOf("3", 8), pendingOf("4", 1, { timeLimitMs: 60_000 })];
      const plan = decide({ nodes: [nodeOf("a", 4), nodeOf("b", 1)], pending, active, projects }, now);
      expect([...plan.placements, ...plan.reasons].map(({ jobId }) => jobId).sort()).toEqual(["2", "3", "4"]);
      // It ran a minute by the clock that was set back: never more than that by guessing.
      if (step < 0) expect(plan.preemptions).toEqual([]);
      expect(JSON.stringify(plan)).not.toMatch(/NaN|null|Infinity/);
    },
  );

  test("back: a job submitted in what is now the future waits its turn and starts", () => {
    const pending = [pendingOf("1", 1, { queuedAt: NOW + HOUR }), pendingOf("2", 1, { queuedAt: NOW })];
    expect(placed({ nodes: [nodeOf("a", 1)], pending, active: [] })).toEqual(["2"]);
    expect(placed({ nodes: [nodeOf("a", 2)], pending, active: [] })).toEqual(["2", "1"]);
  });
});

describe("quotas and weights that make no sense", () => {
  test("a cycle of quotas hangs nobody: a project below itself has its own guarantee", () => {
    const projects = ["x", "y", "z"].map((name, place, all) => project(name, { parent: all[(place + 1) % 3] ?? "x", guaranteedGpus: 2 }));
    const pending = [pendingOf("1", 2, { project: "x" }), pendingOf("2", 2, { project: "y" }), pendingOf("3", 2, { project: "z" })];
    expect(placed({ nodes: [nodeOf("a", 8)], pending, active: [], projects }).sort()).toEqual(["1", "2", "3"]);
    expect(reasons({ nodes: [], pending, active: [], projects })).toHaveLength(3);
  });

  test.each([
    ["NaN", Number.NaN],
    ["0", 0],
    ["negative", -1],
    ["infinite", Number.POSITIVE_INFINITY],
  ])("a weight that is %s (the API refuses it) loses no job and takes no more than there is", (_name, weight) => {
    const projects = [project("bad", { weight, usage: weight }), project("good", { usage: 1 })];
    const pending: PendingJob[] = ["bad", "good", "bad", "good"].map((name, place) => pendingOf(String(place + 1), 2, { project: name }));
    const plan = decide({ nodes: [nodeOf("a", 6)], pending, active: [], projects }, NOW);
    expect(plan.placements).toHaveLength(3);
    expect([...plan.placements, ...plan.reasons].map(({ jobId }) => jobId).sort()).toEqual(["1", "2", "3", "4"]);
  });

  test("guarantees beyond what the machines have stop nobody of the others that are guaranteed too", () => {
    const projects = [project("p", { guaranteedGpus: 100 }), project("q", { guaranteedGpus: 100 })];
    const active = [activeOf("1", "a", [0, 1, 2, 3], { project: "p", startedAt: NOW - HOUR })];
    const plan = decide({ nodes: [nodeOf("a", 4)], pending: [pendingOf("2", 4, { project: "q" })], active, projects }, NOW);
    expect([plan.preemptions, plan.promises]).toEqual([[], []]);
  });
});
