import { describe, expect, test } from "vitest";
import { keyedNumber } from "../../../src/node/platform/cgroup/usage.ts";
import { parseCapabilities } from "../../../src/node/platform/index.ts";
import { parseProcessStat } from "../../../src/node/platform/process/identity.ts";

describe("texts of /proc and /sys", () => {
  test("a command name with blanks and parentheses does not shift the start time", () => {
    const numbers = Array.from({ length: 40 }, (_, index) => index + 4);
    expect(parseProcessStat(`12 (a) b (c) S ${numbers.join(" ")}\n`)).toEqual({ state: "S", startTimeTicks: "22" });
  });

  test("a capability counts only when it is effective and in the bounding set", () => {
    expect(parseCapabilities("CapEff:\t0000000000000003\nCapBnd:\t0000000000000006\n")).toEqual(["CAP_DAC_OVERRIDE"]);
    expect(parseCapabilities("CapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffffff\n")).toHaveLength(41);
  });

  test("a status text without masks is an error, not no capabilities", () => {
    expect(() => parseCapabilities("Name: x\n")).toThrow(/CapBnd/);
  });

  test("a flat keyed file gives the number of exactly that key", () => {
    const events = "low 0\noom 4\noom_kill 2\noom_group_kill 1";
    expect(keyedNumber(events, "oom_kill")).toBe(2);
    expect(keyedNumber(events, "oom_kil")).toBeNull();
  });
});
