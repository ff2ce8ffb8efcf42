import { describe, expect, test } from "vitest";
import { historyJobs, historyNodes, historyProjects, simulateReplay } from "../../../src/control/simulator/index.ts";
import type { Job, NodeRecord } from "../../../src/shared/domain/index.ts";
import { factsOf, specOf } from "../../support/control-samples.ts";

interface Times {
  submittedAt: number;
  startedAt: number | null;
  finishedAt: number | null;
}

function jobOf(id: string, times: Times, spec: Parameters<typeof specOf>[0] = {}, more: Partial<Job> = {}): Job {
  return { id, user: "ann", ...times, spec: specOf({ resources: { gpus: 2 }, ...spec }), ...more } as Job;
}

const record = (name: string, gpus: number, changes: Partial<NodeRecord> = {}) =>
  ({ id: name, name, address: "", state: "ready", lastSeenAt: 0, facts: factsOf(name, gpus), ...changes }) as NodeRecord;

function replay(jobs: readonly Job[], gpus: number) {
  const simulation = simulateReplay({
    ...{ jobs: historyJobs(jobs, 0), nodes: historyNodes([record("n", gpus)]), policy: "fair", restartSeconds: 0, passSeconds: 300 },
  });
  if (simulation.kind !== "replay") throw new Error("not a replay");
  return simulation.report;
}

const at = (submittedAt: number, startedAt: number | null, finishedAt: number | null): Times => ({ submittedAt, startedAt, finishedAt });

describe("a cluster's own history", () => {
  test("is the jobs that ran to an end within the period, with the time they ran", () => {
    const jobs = [
      ...[jobOf("2", at(5000, 9000, 19_000)), jobOf("1", at(4000, 4000, 5000)), jobOf("old", at(100, 200, 300))],
      ...[jobOf("running", at(6000, 7000, null)), jobOf("never", at(6000, null, 7000))],
    ];
    expect(historyJobs(jobs, 1000)).toMatchObject([
      { id: "1", submitSeconds: 0, durationSeconds: 1, resources: { gpus: 2 }, user: "ann" },
      { id: "2", submitSeconds: 1, durationSeconds: 10 },
    ]);
  });

  test("counts the attempts of a job that had to make room, and keeps what it asked and how it saves", () => {
    const placement = { excludedNodes: ["x"] } as never;
    const checkpoint = { signal: "SIGUSR1", graceSeconds: 60, intervalSeconds: 600 };
    const spec = { replicas: 2, minReplicas: 1, priority: 5, project: "p", timeLimitSeconds: 100, placement, checkpoint };
    const [job] = historyJobs([jobOf("1", at(0, 50_000, 60_000), spec, { serviceMs: 20_000 })], 0, 15);
    expect(job).toMatchObject({ durationSeconds: 30, replicas: 2, minReplicas: 1, priority: 5, project: "p", timeLimitSeconds: 100 });
    expect(job).toMatchObject({ rules: placement, saving: { everySeconds: 600, costSeconds: 15, graceSeconds: 60 }, group: "p/ann/train" });
    expect(historyJobs([jobOf("1", at(0, 1, 2))], 0)[0]).toMatchObject({ saving: "never" });
  });

  test("runs the tasks of an array from its submission on, at most as many at a time as it allows", () => {
    const array = jobOf("7", at(1000, 2000, null), { array: { indexes: "0-4", limit: 2 } }, { array: {} as never });
    const task = (index: number) =>
      jobOf(`8${index}`, at(90_000, 100_000, 200_000), { resources: { gpus: 1 } }, { task: { arrayId: "7", index } });
    const jobs = [array, ...[4, 3, 2, 1, 0].map(task)];
    expect(historyJobs(jobs, 0).map(({ id, submitSeconds }) => [id, submitSeconds])).toEqual(
      ["80", "81", "82", "83", "84"].map((id) => [id, 0]),
    );
    // Five tasks of 100 s, two at a time, on eight GPUs.
    expect(replay(jobs, 8)).toMatchObject({ jobs: 5, makespan: 300, queueing: { p99: 200 } });
  });

  test("keeps halves on one GPU and sends whole jobs to the next", () => {
    const half = { gpus: 1, gpuShare: { millis: 500, memoryBytes: null, sharing: "mps" as const } };
    const jobs = ["1", "2"].map((id) => jobOf(id, at(0, 1000, 101_000), { resources: half }));
    expect(replay([...jobs, jobOf("3", at(0, 1000, 101_000), { resources: { gpus: 1 } })], 2)).toMatchObject({ jobs: 3, makespan: 100 });
  });

  test("takes the machines as if all were up and open, and the projects before they used anything", () => {
    const controls = { cordoned: true, draining: false, labels: { rack: "r1" }, taints: [], quarantines: [] };
    const [node] = historyNodes([record("n", 4, { state: "lost", controls } as Partial<NodeRecord>)]);
    expect(node).toMatchObject({ name: "n", state: "ready", labels: { rack: "r1" }, gpus: [{}, {}, {}, {}] });
    expect(node).not.toHaveProperty("closed");
    const limits = { gpus: null, jobs: 3, gpusPerUser: null, jobsPerUser: null };
    expect(historyProjects([{ name: "p", parent: null, weight: 2, quotaGpus: 4, limits }])).toEqual([
      { name: "p", parent: null, weight: 2, guaranteedGpus: 4, limits, usage: 0 },
    ]);
  });
});
