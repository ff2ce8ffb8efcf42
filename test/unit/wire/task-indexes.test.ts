import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatTaskIndexes,
  hasTaskIndex,
  parseTaskIndexes,
  resolveArray,
  splitTaskIndexes,
  takeTaskIndexes,
  taskIndexBounds,
  taskIndexesOf,
  taskIndexList,
} from "../../../src/shared/domain/index.ts";
import { resolveJobSpec } from "../../../src/shared/wire/index.ts";

const indexSets = fc.uniqueArray(fc.integer({ min: 0, max: 500 }), { maxLength: 60 });

describe("the indexes of an array", () => {
  test.each([
    ["7", [7]],
    ["0-3", [0, 1, 2, 3]],
    ["0-9:4", [0, 4, 8]],
    ["1,5,10-12", [1, 5, 10, 11, 12]],
    ["5-6,1,5", [1, 5, 6]],
    ["3-3", [3]],
    ["", []],
  ])("%s", (text, expected) => {
    expect(taskIndexList(parseTaskIndexes(text))).toEqual(expected);
  });

  test.each(["a", "1-", "-3", "3-1", "0-9:0", "1;2", "0-9-2", "1..3", "99999999999", "2147483648"])("%j is refused", (text) => {
    expect(() => parseTaskIndexes(text)).toThrow();
  });

  test("a thousand million of them cost nothing to read, and what overlaps is not unfolded without end", () => {
    expect(parseTaskIndexes("0-999999999").count).toBe(1e9);
    expect(() => parseTaskIndexes("0-999999999,5")).toThrow(/overlaps/);
  });

  test("written and read again they are the same", () => {
    fc.assert(
      fc.property(indexSets, (indexes) => {
        const sorted = [...indexes].sort((one, other) => one - other);
        const made = taskIndexesOf(indexes);
        const read = parseTaskIndexes(formatTaskIndexes(made));
        expect(taskIndexList(read)).toEqual(sorted);
        expect(read.count).toBe(sorted.length);
        expect(taskIndexBounds(made)).toEqual(sorted.length === 0 ? null : { least: sorted[0], most: sorted.at(-1), count: sorted.length });
      }),
    );
  });

  test("taking some and splitting by others loses none and doubles none", () => {
    fc.assert(
      fc.property(indexSets, indexSets, fc.nat(70), (one, other, most) => {
        const indexes = taskIndexesOf(one);
        const { taken, rest } = takeTaskIndexes(indexes, most);
        expect([...taken, ...taskIndexList(rest)].sort((left, right) => left - right)).toEqual(taskIndexList(indexes));
        expect(taken.length).toBe(Math.min(most, one.length));
        expect(rest.count).toBe(one.length - taken.length);
        const { inside, outside } = splitTaskIndexes(indexes, taskIndexesOf(other));
        expect(taskIndexList(inside).every((index) => hasTaskIndex(taskIndexesOf(other), index))).toBe(true);
        expect(inside.count + outside.count).toBe(one.length);
      }),
    );
  });
});

describe("array: in a job file", () => {
  test("is Slurm's grammar with a limit", () => {
    expect(resolveArray("0-99:2%10")).toEqual({ array: { indexes: "0-98:2", limit: 10 } });
    expect(resolveArray(5)).toEqual({ array: { indexes: "5", limit: null } });
    expect(resolveJobSpec({ name: "a", image: "b" })).not.toHaveProperty("array");
  });
  test.each(["", "%5", "0-9%", "0-9%0", "0-9%5%5", "0-9%x", "x"])("%j is refused with the field's name", (text) => {
    expect(() => resolveArray(text)).toThrow(/^\/array: /);
  });
});
