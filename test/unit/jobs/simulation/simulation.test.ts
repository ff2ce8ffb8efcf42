import { describe, expect, test } from "vitest";
import { type Mutation, runWorld, type WorldResult } from "./world.ts";

/** BERTH_SIMULATION_SEEDS=100000 for a night's run. */
const SEEDS = Number(process.env.BERTH_SIMULATION_SEEDS ?? 2000);

async function violatingSeeds(from: number, to: number, mutation: Mutation = "none") {
  const bad: { seed: number; violations: string[] }[] = [];
  for (let seed = from; seed < to; seed += 1) {
    const { violations } = await runWorld(seed, mutation);
    if (violations.length > 0) bad.push({ seed, violations });
  }
  return bad;
}

describe("under crashes, pauses, reboots, partitions, delays, duplicates and clock jumps", () => {
  test(`no job is lost, none runs twice, no GPU has two owners, and all end (${SEEDS} seeds)`, {
    timeout: 600_000 + SEEDS * 200,
  }, async () => {
    expect(await violatingSeeds(0, SEEDS)).toEqual([]);
  });

  test("a seed replays exactly", async () => {
    const told = ({ jobs, simulatedSeconds }: WorldResult) => JSON.stringify({ jobs, simulatedSeconds });
    expect(told(await runWorld(7))).toBe(told(await runWorld(7)));
  });

  test.each(["early-reuse", "lost-node-granted"] as const)(
    "the judge notices a planted mistake: %s",
    { timeout: 600_000 },
    async (mutation) => {
      expect((await violatingSeeds(0, 300, mutation)).length).toBeGreaterThan(0);
    },
  );
});
