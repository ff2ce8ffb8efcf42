import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { identifyProcess, isProcessAlive, type ProcessIdentity, readOwnPrivileges } from "../../../src/node/platform/index.ts";
import { native } from "./temporary-folder.ts";

async function startSleeper() {
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "spawn");
  return { child, identity: (await identifyProcess(child.pid as number)) as ProcessIdentity };
}

test("a signal reaches the process that was identified", async () => {
  const { child, identity } = await startSleeper();
  const exit = once(child, "exit");
  expect(native.signalProcess(identity.pid, identity.startTimeTicks, 15)).toBe(true);
  expect(await exit).toEqual([null, "SIGTERM"]);
  expect(native.signalProcess(identity.pid, identity.startTimeTicks, 15)).toBe(false);
  expect(await isProcessAlive(identity)).toBe(false);
});

test("a pid with another start time is somebody else and gets no signal", async () => {
  const { identity } = await startSleeper();
  const earlier = String(BigInt(identity.startTimeTicks) - 1n);
  expect(native.signalProcess(identity.pid, earlier, 9)).toBe(false);
  expect(await isProcessAlive(identity)).toBe(true);
  expect(await isProcessAlive({ pid: identity.pid, startTimeTicks: earlier })).toBe(false);
});

test("pid 0, which would be our own group, and absurd signals are refused", () => {
  expect(() => native.signalProcess(0, "1", 9)).toThrow(RangeError);
  expect(() => native.signalProcess(1, "1", 1000)).toThrow(RangeError);
  expect(() => native.signalProcess(-1, "1", 9)).toThrow(RangeError);
});

test("this process knows what it holds", async () => {
  const { capabilities, rlimits } = await readOwnPrivileges(native);
  expect(capabilities).toContain("CAP_SYS_ADMIN");
  expect(rlimits.nofile).toBeGreaterThan(0);
});

test("the boot-time clock only grows", () => {
  const first = native.bootTimeMs();
  expect(native.bootTimeMs()).toBeGreaterThanOrEqual(first);
});
