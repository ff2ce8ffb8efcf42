import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type LinkedGpu, pickGpus } from "../../../src/control/scheduler/index.ts";
import { runs } from "../../support/property-runs.ts";

/** GPUs by index, each bridged to the given partners with two links. */
function bridged(pairs: readonly (readonly [number, number])[], size: number, numaOf: (index: number) => number | null = () => null) {
  return Array.from({ length: size }, (_, index): LinkedGpu & { index: number } => ({
    index,
    pciBusId: busOf(index),
    numaNode: numaOf(index),
    nvlinks: pairs
      .filter((pair) => pair.includes(index))
      .map(([one, other]) => ({ kind: "gpu", pciBusId: `0000${busOf(one === index ? other : one)}`, links: 2 })),
  }));
}

const busOf = (index: number) => `0000:${(16 + index).toString(16).toUpperCase()}:00.0`;
const chosen = (gpus: readonly (LinkedGpu & { index: number })[], count: number) => pickGpus(gpus, count).map(({ index }) => index);

describe("GPUs inside a node", () => {
  const pairs = bridged(
    [
      [0, 2],
      [1, 3],
      [4, 6],
      [5, 7],
    ],
    8,
  );

  test("two GPUs are a linked pair", () => {
    expect(chosen(pairs, 2)).toEqual([0, 2]);
    expect(
      chosen(
        pairs.filter(({ index }) => index !== 0),
        2,
      ),
    ).toEqual([1, 3]);
  });

  test("one GPU is the one whose partner is already taken, so that pairs stay whole", () => {
    expect(
      chosen(
        pairs.filter(({ index }) => index !== 6),
        1,
      ),
    ).toEqual([4]);
  });

  test("four GPUs are two whole pairs, of one NUMA node where there are several", () => {
    const numa = bridged(
      [
        [0, 2],
        [1, 3],
        [4, 6],
        [5, 7],
      ],
      8,
      (index) => (index < 4 ? 0 : 1),
    );
    expect(chosen(numa, 4)).toEqual([0, 1, 2, 3]);
    expect(
      chosen(
        numa.filter(({ index }) => index !== 1),
        4,
      ),
    ).toEqual([4, 5, 6, 7]);
  });

  test("without links one GPU comes from the NUMA node with the fewest free", () => {
    const numa = bridged([], 8, (index) => (index < 4 ? 0 : 1));
    expect(
      chosen(
        numa.filter(({ index }) => index !== 5 && index !== 6),
        1,
      ),
    ).toEqual([4]);
  });

  test("GPUs behind switches are all alike, and so are GPUs that say nothing", () => {
    const switched = Array.from({ length: 8 }, (_, index) => ({
      index,
      pciBusId: busOf(index),
      nvlinks: [{ kind: "switch" as const, pciBusId: "0000:C0:00.0", links: 18 }],
    }));
    expect(chosen(switched, 3)).toEqual([0, 1, 2]);
    expect(
      chosen(
        [0, 1, 2].map((index) => ({ index, pciBusId: busOf(index) })),
        2,
      ),
    ).toEqual([0, 1]);
  });

  test("as many different GPUs as asked are taken from those free, whatever the links", () => {
    const link = fc.tuple(fc.nat(15), fc.nat(15)).filter(([one, other]) => one !== other);
    fc.assert(
      fc.property(fc.array(link, { maxLength: 20 }), fc.integer({ min: 1, max: 16 }), fc.nat(16), (links, size, count) => {
        const free = bridged(links, 16).slice(0, size);
        const picked = pickGpus(free, count);
        expect(new Set(picked).size).toBe(Math.min(count, size));
        expect(picked.every((gpu) => free.includes(gpu))).toBe(true);
      }),
      { numRuns: runs(50) },
    );
  }, 30_000);
});
