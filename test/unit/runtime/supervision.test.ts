import { describe, expect, it } from "vitest";
import {
  describe as describeProbe,
  needsV1View,
  type ProbeResult,
  parseSyncMessage,
  selectRuntime,
} from "../../../src/node/runtime/index.ts";

const CRUN: ProbeResult = { name: "crun", version: "1.8.1", milliseconds: 9.4, problem: null };
const RUNC: ProbeResult = { name: "runc", version: "1.1.5", milliseconds: 28, problem: null };

describe("choosing the runtime", () => {
  it("takes the fastest that works and says why", () => {
    expect(selectRuntime([RUNC, CRUN], "auto")).toEqual({ name: "crun", reason: "fastest of runc 1.1.5 (28 ms), crun 1.8.1 (9 ms)" });
  });

  it("takes a slower one when the faster does not work", () => {
    const broken = { ...CRUN, milliseconds: null, problem: "cgroups in hybrid mode not supported" };
    expect(selectRuntime([broken, RUNC], "auto")?.name).toBe("runc");
    expect(describeProbe(broken)).toContain("hybrid");
  });

  it("takes the configured one or none", () => {
    expect(selectRuntime([CRUN, RUNC], "runc")).toEqual({ name: "runc", reason: "runc 1.1.5 (28 ms), as configured" });
    expect(selectRuntime([RUNC], "crun")).toBeNull();
    expect(selectRuntime([], "auto")).toBeNull();
  });

  it("hides the unified tree from crun on a hybrid host only", () => {
    expect(needsV1View("crun", "hybrid")).toBe(true);
    expect([needsV1View("crun", "v2"), needsV1View("crun", "v1"), needsV1View("runc", "hybrid")]).toEqual([false, false, false]);
  });
});

describe("what conmon says on its sync pipe", () => {
  it("is the pid of a created container", () => {
    expect(parseSyncMessage('{"data": 4711}')).toBe(4711);
  });

  it.each([
    ['{"data": -1, "message": "container_linux.go:380: starting container process caused: boom"}', /boom/],
    [
      '{"data": -1, "message": "time=\\"2026-01-01T00:00:00Z\\" level=error msg=\\"runc create failed: exec: \\\\\\"x\\\\\\": not found\\"\\n"}',
      /^runc create failed: exec: "x": not found$/,
    ],
    ["", /conmon ended/],
    ["not json", /not json/],
    ["null", /conmon said "null"/],
    ['{"data": -1}', /no reason/],
  ])("is the reason otherwise: %s", (line, expected) => {
    expect(() => parseSyncMessage(line)).toThrow(
      expect.objectContaining({ code: "container_start_failed", message: expect.stringMatching(expected) }),
    );
  });
});
