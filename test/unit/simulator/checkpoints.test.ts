import { describe, expect, test } from "vitest";
import { type SimulationInput, simulate } from "../../../src/control/simulator/index.ts";

function replay(trace: string, changes: Partial<SimulationInput>) {
  const simulation = simulate({ trace, cluster: "1x2", policy: "fair", seed: 1, restartSeconds: 30, passSeconds: 300, ...changes });
  if (simulation.kind !== "replay") throw new Error(`not a replay: ${simulation.kind}`);
  return simulation.report;
}

/** A guest that borrows both GPUs from 0 on, and their owner, who comes at 1,000 s. */
const TAKEN_BACK = "id,submit_s,duration_s,gpus,project\nguest,0,10000,2,guest\nowner,1000,500,2,owner\n";
const QUOTA = { policy: '{"projects": [{"name": "owner", "quotaGpus": 2}]}' };

describe("a job that must make room", () => {
  test("loses nothing but the restart where nothing is said of checkpoints", () => {
    // Guest 0..1000, owner 1000..1500, guest 1500..1500 + 30 + 9000.
    expect(replay(TAKEN_BACK, QUOTA)).toMatchObject({
      makespan: 10_530,
      preemptions: 1,
      moves: 0,
      lostGpuSeconds: 0,
      overheadGpuSeconds: 60,
    });
  });

  test("begins again when it never saves", () => {
    // Guest 1500..1500 + 30 + 10000; both GPUs for 1,000 s were for nothing.
    const report = replay(TAKEN_BACK, { ...QUOTA, checkpointSeconds: 0 });
    expect(report).toMatchObject({ makespan: 11_530, preemptions: 1, lostGpuSeconds: 2000, overheadGpuSeconds: 60 });
    expect(report.utilisationPercent).toBeCloseTo((100 * 10_500) / 11_530, 9);
    expect(report.allocationPercent).toBeCloseTo(100, 9);
  });

  test("saves before it stops when the grace suffices, and loses nothing", () => {
    // 1,000 s are 3 x (300 + 20) and 40: 940 done. It saves until 1020; the owner takes 500 + 20, until 1540. Then 30 to come
    // back, 9,060 of work and 30 checkpoints of 20.
    const report = replay(TAKEN_BACK, { ...QUOTA, checkpointSeconds: 300, checkpointCostSeconds: 20 });
    expect(report.makespan).toBeCloseTo(1540 + 30 + 9060 + 600, 6);
    expect(report).toMatchObject({ preemptions: 1, lostGpuSeconds: 0, overheadGpuSeconds: 2 * (3 * 20 + 20 + 20 + 30 + 600) });
  });

  test("goes back to its last checkpoint when the grace is too short for another", () => {
    // Stopped at 1010 after 940, of which 900 are saved.
    const report = replay(TAKEN_BACK, { ...QUOTA, checkpointSeconds: 300, checkpointCostSeconds: 20, checkpointGraceSeconds: 10 });
    expect(report.makespan).toBeCloseTo(1530 + 30 + 9100 + 600, 6);
    expect(report).toMatchObject({ preemptions: 1, lostGpuSeconds: 80, overheadGpuSeconds: 2 * (3 * 20 + 10 + 20 + 30 + 600) });
  });

  test("a trace says it of each job", () => {
    const [head, guest, owner] = TAKEN_BACK.trim().split("\n");
    const trace = [`${head},checkpoint_s`, `${guest},0`, `${owner},`].join("\n");
    expect(replay(trace, QUOTA)).toMatchObject({ makespan: 11_530, lostGpuSeconds: 2000 });
  });
});

describe("moves", () => {
  /** When the short ones have ended, one GPU of each machine is free, and job 5 wants two on one. */
  const SCATTERED = "id,submit_s,duration_s,gpus\n1,0,20000,1\n2,0,1000,1\n3,0,20000,1\n4,0,1000,1\n5,4000,1000,2\n";
  const saving = { cluster: "2x2", checkpointSeconds: 300, checkpointCostSeconds: 10 };

  test("one of two jobs that split the free GPUs moves once the third has waited five minutes", () => {
    const report = replay(SCATTERED, { ...saving, movesPerHour: 4 });
    // Asked to move at 4300, it has saved and stopped at 4310; job 5 runs from then on.
    expect(report.queueing).toMatchObject({ p99: 310 });
    // Of the moved one 13 x 300 + 270 were done at 4300; the rest takes 30 + 15,830 + 52 x 10.
    expect(report.makespan).toBeCloseTo(4310 + 30 + 15_830 + 520, 6);
    expect(report).toMatchObject({ preemptions: 1, moves: 1, lostGpuSeconds: 0 });
    expect(report.overheadGpuSeconds).toBeCloseTo(690 + 660 + 2 * 30 + 2 * 30, 6);
  });

  test("without the operator's wish, without checkpoints and with no moves left nobody moves", () => {
    const waited = (changes: Partial<SimulationInput>) => replay(SCATTERED, { ...saving, ...changes });
    expect(waited({}).moves).toBe(0);
    expect(waited({ movesPerHour: 0 }).moves).toBe(0);
    expect(waited({ movesPerHour: 4, checkpointSeconds: 0 }).moves).toBe(0);
    expect(waited({}).queueing.p99).toBeGreaterThan(10_000);
  });

  test("the same run gives the same result", () => {
    expect(replay(SCATTERED, { ...saving, movesPerHour: 4 })).toEqual(replay(SCATTERED, { ...saving, movesPerHour: 4 }));
  });
});
