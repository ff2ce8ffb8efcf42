import { describe, expect, test } from "vitest";
import { type SimulationInput, simulate } from "../../../src/control/simulator/index.ts";

function replay(trace: string, changes: Partial<SimulationInput> = {}) {
  const simulation = simulate({ trace, cluster: "1x2", policy: "fair", seed: 1, restartSeconds: 0, passSeconds: 300, ...changes });
  if (simulation.kind !== "replay") throw new Error(`not a replay: ${simulation.kind}`);
  return simulation.report;
}

describe("fairness of a replay", () => {
  const CROWD = "id,submit_s,duration_s,gpus,project\n1,0,100,1,p\n2,0,100,1,p\n3,0,100,1,p\n4,0,100,1,p\n5,0,100,1,q\n";

  test("says what each project got of what it was entitled to, and how it waited", () => {
    // By age p has both GPUs until 200, then q one. Until 200 each is entitled to one of the two, then q to the one it wants.
    const { fairness } = replay(CROWD);
    expect(fairness.projects).toMatchObject([
      { project: "p", jobs: 4, gpuHours: 400 / 3600, gotOfEntitled: 2, queueing: { average: 50, p99: 100 }, slowdown: 1.5 },
      { project: "q", jobs: 1, gpuHours: 100 / 3600, queueing: { average: 200 }, slowdown: 3 },
    ]);
    expect(fairness.projects[1]?.gotOfEntitled).toBeCloseTo(1 / 3, 9);
    expect(fairness.worstOff).toBeCloseTo(1 / 3, 9);
    expect(fairness.shares).toBeCloseTo((2 + 1 / 3) ** 2 / (2 * (4 + 1 / 9)), 9);
    expect(fairness.slowdowns).toBeCloseTo(4.5 ** 2 / (2 * (2.25 + 9)), 9);
  });

  test("nobody is owed GPUs for a job that can never start", () => {
    const { fairness } = replay("id,submit_s,duration_s,gpus,project\n1,0,100,1,p\n2,0,100,2,q\n3,0,100,2,p\n4,0,1,3,p\n");
    const before = replay("id,submit_s,duration_s,gpus,project\n1,0,100,1,p\n2,0,100,2,q\n3,0,100,2,p\n").fairness;
    expect(fairness).toEqual(before);
  });

  test("with shares of their own nobody is worse off", () => {
    const { fairness } = replay(CROWD, { policy: '{"projects": [{"name": "p"}, {"name": "q"}]}' });
    expect(fairness.projects.map(({ queueing }) => queueing.p99)).toEqual([200, 0]);
    expect(fairness.worstOff).toBeCloseTo(1, 9);
  });

  test("what a project used before counts: the other one goes first", () => {
    const trace = "id,submit_s,duration_s,gpus,project\n1,0,1000,2,p\n2,10,100,2,p\n3,20,100,2,q\n";
    const { fairness } = replay(trace, { policy: '{"projects": [{"name": "p"}, {"name": "q"}]}' });
    expect(fairness.projects.map(({ queueing }) => queueing.p99)).toEqual([1090, 980]);
  });

  test("guarantees and projects below others count in what is entitled", () => {
    const projects = '{"projects": [{"name": "lab", "weight": 3}, {"name": "p", "parent": "lab"}, {"name": "q", "quotaGpus": 1}]}';
    const trace = "id,submit_s,duration_s,gpus,project\n1,0,100,2,p\n2,0,100,1,q\n";
    // While both want them: q one by right, p the other.
    const { fairness } = replay(trace, { policy: projects });
    const entitled = fairness.projects.map(({ entitledGpuHours }) => Math.round(entitledGpuHours * 3600));
    expect(entitled).toEqual([100 + 200, 100]);
  });
});

describe("parts of GPUs", () => {
  test("four halves run at once on two GPUs, and fill them", () => {
    const rows = [1, 2, 3, 4].map((id) => `${id},0,100,0.5`);
    const report = replay(["id,submit_s,duration_s,gpus", ...rows].join("\n"));
    expect(report).toMatchObject({ makespan: 100, jobs: 4 });
    expect(report.allocationPercent).toBeCloseTo(100, 9);
  });

  test("a third of a GPU counts as a third, and what is left of it is of use to a third only", () => {
    const report = replay("id,submit_s,duration_s,gpus\n1,0,300,0.3\n", { cluster: "1x1" });
    expect(report.allocationPercent).toBeCloseTo(30, 9);
    expect(report.samples[0]).toMatchObject({ allocatedPercent: 30, fragmentedPercent: 0 });
  });
});
