import { describe, expect, test } from "vitest";
import { type Ask, leastWorthLost, type Room, shareWorth } from "../../../src/control/scheduler/index.ts";

const room = (gpuMillis: number[], cpuMillis = 64_000, totalCpu = cpuMillis, gpuModel = "A100"): Room => ({
  ...{ cpuMillis, memoryBytes: 2 ** 40, gpuMillis, gpuModel },
  total: { cpuMillis: totalCpu, memoryBytes: 2 ** 40 },
});
const ask = (gpus: number, gpuMillis: number, changes: Partial<Ask> = {}): Ask => ({
  ...{ cpuMillis: 4000, memoryBytes: 0, gpus, gpuMillis, gpuModels: null },
  ...changes,
});

describe("what the leftovers of a GPU are worth", () => {
  test("half a GPU where all ask for shares of 470, and nothing below", () => {
    const worth = shareWorth([{ gpuMillis: 470, weight: 1 }]);
    expect(worth[1000]).toBeCloseTo(1, 9);
    expect(worth[530]).toBeCloseTo(0.5, 9);
    expect(worth[469]).toBe(0);
  });

  test("shares that fill what others leave anyway are free", () => {
    const worth = shareWorth([
      { gpuMillis: 810, weight: 10 },
      { gpuMillis: 160, weight: 1 },
    ]);
    expect(worth[810]).toBeCloseTo(1, 9);
    expect(worth[190]).toBeCloseTo(0, 9);
  });

  test("no set of shares that fits a GPU is worth more than the GPU, and the worth never falls", () => {
    const sizes = [50, 110, 160, 220, 230, 320, 370, 460, 470, 550, 590, 650, 810];
    const worth = shareWorth(sizes.map((gpuMillis, place) => ({ gpuMillis, weight: (place * 7) % 5 })));
    expect(worth[1000]).toBeLessThanOrEqual(1 + 1e-6);
    for (let left = 1; left <= 1000; left += 1) expect(worth[left]).toBeGreaterThanOrEqual(worth[left - 1] ?? 0);
  });

  test("a leftover is worth its size while nobody asks for shares, whatever weights are given", () => {
    expect(shareWorth([])[250]).toBe(0.25);
    expect(shareWorth([{ gpuMillis: 470, weight: Number.NaN }])[250]).toBe(0.25);
  });
});

describe("berth's placement policy", () => {
  const expected = [
    { ask: ask(1, 470), weight: 0.7 },
    { ask: ask(1, 1000), weight: 0.3 },
  ];

  test("puts a share beside its like, not on a whole GPU", () => {
    const policy = leastWorthLost([room([1000, 530])], expected);
    expect(policy.choose(room([1000, 530]), ask(1, 470)).gpus).toEqual([1]);
  });

  test("leaves a scarce model to those that need it", () => {
    const rooms = [...Array.from({ length: 9 }, () => room([1000])), room([1000], 64_000, 64_000, "H100")];
    const picky = { ask: ask(1, 1000, { gpuModels: new Set(["H100"]) }), weight: 0.3 };
    const policy = leastWorthLost(rooms, [picky, { ask: ask(1, 1000), weight: 0.7 }]);
    const score = (place: Room) => policy.choose(place, ask(1, 1000)).score;
    expect(score(room([1000]))).toBeGreaterThan(score(room([1000], 64_000, 64_000, "H100")));
  });

  test("leaves CPU to the GPUs that will need it", () => {
    const greedy = ask(0, 0, { cpuMillis: 32_000 });
    const rooms = [room([1000, 1000, 1000, 1000], 32_000), room([1000, 1000, 1000, 1000], 96_000)];
    const policy = leastWorthLost(rooms, [{ ask: ask(1, 1000, { cpuMillis: 8000 }), weight: 1 }]);
    const [tight, roomy] = rooms.map((place) => policy.choose(place, greedy).score);
    expect(roomy).toBeGreaterThan(tight ?? 0);
  });

  test("has an answer for an empty history and an empty cluster", () => {
    expect(leastWorthLost([], []).choose(room([1000]), ask(1, 1000))).toMatchObject({ gpus: [0] });
  });
});
