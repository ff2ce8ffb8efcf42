import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { identifyProcess, runProgram } from "../../../src/node/platform/index.ts";
import { isBerthError } from "../../../src/shared/domain/index.ts";
import { until } from "../../support/poll.ts";
import { temporaryFolder } from "./temporary-folder.ts";

describe("running a program", () => {
  test("gives its code and both outputs, and feeds its input", async () => {
    const result = await runProgram("sh", ["-c", "cat; echo complaint >&2; exit 3"], { input: "fed" });
    expect(result).toEqual({ code: 3, stdout: "fed", stderr: "complaint\n" });
  });

  test("a signal shows as 128 and its number", async () => {
    expect((await runProgram("sh", ["-c", "kill -9 $$"])).code).toBe(137);
  });

  test("passes no environment of ours", async () => {
    process.env.BERTH_TEST_SECRET = "x";
    expect((await runProgram("env", [])).stdout).not.toContain("BERTH_TEST_SECRET");
    delete process.env.BERTH_TEST_SECRET;
  });

  test("a program that does not read its input is no error", async () => {
    expect((await runProgram("true", [], { input: "x".repeat(1_000_000) })).code).toBe(0);
  });

  test("a missing program is named", async () => {
    const error = await runProgram("/no/such/program", []).catch((reason: unknown) => reason);
    expect(isBerthError(error, "missing_requirement")).toBe(true);
    expect(String(error)).toContain("/no/such/program");
  });

  test("too much output ends it", async () => {
    await expect(runProgram("yes", [], { maxOutputBytes: 1000 })).rejects.toThrow(/more than 1000 bytes/);
  });

  test("a timeout ends it and what it started, even when SIGTERM is ignored", async () => {
    const file = join(await temporaryFolder(), "child");
    const script = `trap '' TERM; sleep 600 & echo $! >${file}; wait`;
    let child = 0;
    // On a busy machine the shell may not come as far as its child in so short a time.
    for (let timeoutMs = 300; child === 0; timeoutMs *= 2) {
      await expect(runProgram("sh", ["-c", script], { timeoutMs })).rejects.toThrow(`within ${timeoutMs} ms`);
      child = Number(await readFile(file, "utf8").catch(() => ""));
    }
    await until("the grandchild to end", 60, async () => (await identifyProcess(child)) === null);
  });

  test("an abort rejects with its reason", async () => {
    const controller = new AbortController();
    const run = runProgram("sleep", ["600"], { signal: controller.signal, onOutput: () => undefined });
    controller.abort(new Error("no longer wanted"));
    await expect(run).rejects.toThrow("no longer wanted");
    await expect(runProgram("true", [], { signal: controller.signal })).rejects.toThrow("no longer wanted");
  });
});
