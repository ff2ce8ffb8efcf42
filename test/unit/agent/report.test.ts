import { describe, expect, test } from "vitest";
import { newEntry, newRecord, type ReplicaEntry } from "../../../src/node/agent/replica-entry.ts";
import { causeOf, reportOf } from "../../../src/node/agent/report.ts";
import type { Container, ContainerExit } from "../../../src/node/engine/index.ts";

const KEY = { jobId: "7", epoch: 1, rank: 0 };
const AT = 1_000;

function entry(change: Partial<ReplicaEntry> = {}): ReplicaEntry {
  return { ...newEntry("job-7-1-0", newRecord(KEY, { gpuUuids: [], timeLimitSeconds: 60, stopGraceSeconds: 5 })), ...change };
}

function exited(exit: Partial<ContainerExit>): Container {
  return {
    ...{ id: "job-7-1-0", imageDigest: "", labels: {}, pid: null, createdAt: 1, startedAt: 2, gpuUuids: [], ipAddress: null, ports: [] },
    state: "exited",
    exit: { exitCode: 0, cause: "exited", finishedAt: AT, usage: null, ...exit },
  };
}

describe("the cause of an end", () => {
  test.each([
    ["our wish, when it came first", { cause: "time-limit", at: AT - 1 }, "signal", "time-limit"],
    ["our wish, also when the program ended in order at SIGTERM", { cause: "stopped", at: AT - 1 }, "exited", "stopped"],
    ["the program's own end, when our wish came later", { cause: "time-limit", at: AT + 1 }, "exited", "exited"],
    ["out of memory, whatever we wished", { cause: "stopped", at: AT - 1 }, "oom", "oom"],
    ["the lease, whatever we wished", { cause: "stopped", at: AT - 1 }, "lease-expired", "lease-expired"],
    ["the engine's word without a wish", null, "lost", "lost"],
  ] as const)("is %s", (_name, ending, cause, expected) => {
    expect(causeOf(ending, { cause, finishedAt: AT })).toBe(expected);
  });
});

describe("a report", () => {
  test("calls an ended container running until its log is shipped", () => {
    expect(reportOf(entry(), exited({ exitCode: 4 }))).toMatchObject({ state: "running", exitCode: null, cause: null });
    expect(reportOf(entry({ logs: "shipped" }), exited({ exitCode: 4 }))).toMatchObject({ state: "exited", exitCode: 4, cause: "exited" });
  });

  test("of a container that vanished says lost, with no exit code invented", () => {
    expect(reportOf(entry(), null)).toMatchObject({ state: "exited", cause: "lost", exitCode: null });
  });

  test("of a start in hand tells what it does, within the protocol's length", () => {
    const report = reportOf(entry({ activity: "start", message: "x".repeat(10_000) }), null);
    expect([report.state, report.message?.length]).toEqual(["preparing", 8192]);
  });
});
