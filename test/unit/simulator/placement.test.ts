import { describe, expect, test } from "vitest";
import { openbNodes, openbPods, type PlacementPolicyName, runPlacement } from "../../../src/control/simulator/index.ts";
import { traceTable, traceText } from "../../support/traces.ts";

/** Figures of FGD (USENIX ATC'23); the whole table, 10 seeds of each, is made by `npm run bench:scheduler`. */
const nodes = openbNodes(traceText("openb_nodes.csv.gz"));
const podsOf = (list: string) => openbPods(traceText(`openb_pods_${list}.csv.gz`));

function meanAllocation(list: string, policy: PlacementPolicyName, seeds: readonly number[]): number {
  const pods = podsOf(list);
  const values = seeds.map((seed) => runPlacement({ nodes, pods, policy, seed }).get(100) ?? Number.NaN);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function published(list: string, policy: string): number {
  const row = traceTable("openb_published.csv").find((entry) => entry["workload"] === list && entry["policy"] === policy);
  return Number(row?.["alloc100_mean"]);
}

describe("the placement simulator reproduces the published allocation", () => {
  test.each([
    ["best-fit", "05-BestFit"],
    ["gpu-packing", "04-GpuPacking"],
    ["fgd", "06-FGD"],
  ] as const)("of %s within half a point of its mean", (policy, name) => {
    expect(Math.abs(meanAllocation("default", policy, [42, 43, 44]) - published("default", name))).toBeLessThan(0.5);
  });

  test("of the random policy within half a point of its mean", () => {
    expect(Math.abs(meanAllocation("default", "random", [42]) - published("default", "01-Random"))).toBeLessThan(0.5);
  });
});

describe("berth's own placement", () => {
  test.each(["default", "cpu100", "gpushare40", "gpuspec10", "multigpu20"])("leaves fewer GPUs unallocated than FGD on %s", (list) => {
    expect(100 - meanAllocation(list, "berth", [42])).toBeLessThan(0.9 * (100 - published(list, "06-FGD")));
  });

  test("leaves at most 0.8 times FGD's unallocated GPUs on average", () => {
    const lists = ["default", "cpu100", "gpushare40", "gpuspec10", "multigpu20"];
    const sum = (value: (list: string) => number) => lists.reduce((total, list) => total + 100 - value(list), 0);
    const ours = sum((list) => meanAllocation(list, "berth", [42]));
    expect(ours).toBeLessThan(0.8 * sum((list) => published(list, "06-FGD")));
  });

  test("is the same for the same seed", () => {
    const pods = podsOf("default");
    const run = () => [...runPlacement({ nodes, pods, policy: "berth", seed: 7 })];
    expect(run()).toEqual(run());
  });
});
