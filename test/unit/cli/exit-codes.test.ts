import { describe, expect, test } from "vitest";
import { exitCodeOfJob, worstExitCode } from "../../../src/cli/exit-codes.ts";
import type { ExitCause, Job } from "../../../src/shared/domain/index.ts";
import { sampleJob } from "./samples.ts";

function ended(state: Job["state"], cause: ExitCause | "cancelled", exitCode: number | null, message = ""): Job {
  return sampleJob({ state, outcome: { cause, exitCode, message } });
}

describe("the exit code of an ended job", () => {
  test("is 0 for success only", () => {
    expect(exitCodeOfJob(ended("succeeded", "exited", 0))).toBe(0);
  });
  test("is the program's own", () => {
    expect(exitCodeOfJob(ended("failed", "exited", 42))).toBe(42);
  });
  test("is never 0 for a job that did not succeed, whatever its program said", () => {
    expect(exitCodeOfJob(ended("cancelled", "cancelled", 0))).toBe(143);
    expect(exitCodeOfJob(ended("failed", "time-limit", 0))).toBe(124);
    expect(exitCodeOfJob(sampleJob({ state: "failed" }))).toBe(125);
  });
  test("tells a time limit, memory and a lost node apart when no program ended", () => {
    expect(exitCodeOfJob(ended("failed", "time-limit", null))).toBe(124);
    expect(exitCodeOfJob(ended("failed", "oom", null))).toBe(137);
    expect(exitCodeOfJob(ended("failed", "lost", null))).toBe(125);
  });
  test("means what Docker's means when the command cannot start", () => {
    const missing = 'could not start: exec: "nosuch": executable file not found in $PATH';
    expect(exitCodeOfJob(ended("failed", "start-failed", null, missing))).toBe(127);
    expect(exitCodeOfJob(ended("failed", "start-failed", null, 'exec: "/data": permission denied'))).toBe(126);
    expect(exitCodeOfJob(ended("failed", "start-failed", null, "image_not_found: no image"))).toBe(125);
  });
});

test("the worst of several codes is the first that is not 0", () => {
  expect(worstExitCode([0, 3, 1])).toBe(3);
  expect(worstExitCode([])).toBe(0);
});
