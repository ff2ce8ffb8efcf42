import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "../../support/poll.ts";
import { type FakeControlPlane, line, startFakeControlPlane } from "./fake-control-plane.ts";
import { type BerthProcess, runBerth } from "./run-berth.ts";

let server: FakeControlPlane;
let running: BerthProcess[] = [];

beforeEach(async () => {
  server = await startFakeControlPlane();
});
afterEach(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  running = [];
  await server.close();
});

function berth(...args: string[]): BerthProcess {
  const started = runBerth(args, { BERTH_HOST: server.host });
  running.push(started);
  return started;
}

async function followed(count = 1): Promise<void> {
  await until("the log to be followed", 60, () => server.followers() >= count);
}

const succeeded = {
  state: "succeeded" as const,
  finishedAt: 1,
  outcome: { cause: "exited" as const, exitCode: 0, message: "exited with code 0" },
};
const failed = {
  state: "failed" as const,
  finishedAt: 1,
  outcome: { cause: "exited" as const, exitCode: 42, message: "exited with code 42" },
};

test("run shows the output as it comes and returns the job's exit code", async () => {
  const run = berth("run", "trainer:v2", "python3", "train.py");
  await followed();
  server.log("1", line(1, "epoch 1"), { ...line(2, "a warning"), stream: "stderr" });
  await until("the line", 60, () => run.stdout().includes("epoch 1"));
  server.change("1", failed);
  expect(await run.code).toBe(42);
  expect(run.stdout()).toBe("epoch 1\n");
  expect(run.stderr()).toContain("a warning\n");
  expect(run.stderr()).toContain("job 1 failed: exited with code 42");
  expect(server.jobs.get("1")?.spec).toMatchObject({ name: "trainer", args: ["python3", "train.py"] });
});

test("run says on stderr why the job waits", async () => {
  const run = berth("run", "trainer");
  await followed();
  server.change("1", { pendingReason: "no node has a free GPU" });
  await until("the reason", 60, () => run.stderr().includes("job 1 is pending: no node has a free GPU"));
  server.change("1", succeeded);
  expect(await run.code).toBe(0);
  expect(run.stdout()).toBe("");
});

test("the first Ctrl-C detaches, says how to come back, and leaves the job alone", async () => {
  const run = berth("run", "trainer");
  await followed();
  run.child.kill("SIGINT");
  expect(await run.code).toBe(130);
  expect(run.stderr()).toContain("`berth logs -f 1` comes back to it");
  expect(server.cancelled).toEqual([]);
});

async function interruptedTwice() {
  const run = berth("run", "trainer");
  await followed();
  run.child.kill("SIGINT");
  await until("the first to be told", 60, () => run.stderr().includes("detaching"));
  run.child.kill("SIGINT");
  await until("the cancellation", 60, () => server.cancelled.includes("1"));
  return run;
}

test("a second Ctrl-C cancels the job and follows it to its end", async () => {
  const run = await interruptedTwice();
  server.log("1", line(1, "checkpoint saved"));
  server.change("1", { state: "cancelled", finishedAt: 1, outcome: { cause: "cancelled", exitCode: 0, message: "cancelled by ada" } });
  expect(await run.code).toBe(143);
  expect(run.stdout()).toBe("checkpoint saved\n");
});

test("a third Ctrl-C leaves at once", async () => {
  const run = await interruptedTwice();
  run.child.kill("SIGINT");
  expect(await run.code).toBe(130);
});

test("a followed log that breaks goes on without losing or repeating a line", async () => {
  const submit = berth("run", "-d", "trainer");
  expect(await submit.code).toBe(0);
  expect(submit.stdout()).toBe("job/1\n");
  server.log("1", line(1, "one"), line(2, "two"));
  const logs = berth("logs", "-f", "job/1");
  await until("the first lines", 60, () => logs.stdout() === "one\ntwo\n");
  server.cutStreams();
  server.log("1", line(2, "two, the same second"), line(3, "three"));
  await until("the lines after the break", 60, () => logs.stdout().endsWith("three\n"));
  server.log("1", line(4, "four"));
  server.change("1", succeeded);
  expect(await logs.code).toBe(0);
  expect(logs.stdout()).toBe("one\ntwo\ntwo, the same second\nthree\nfour\n");
  expect(logs.stderr()).toMatch(/lost .*; reconnecting\n.* again\n/s);
});

test("a retry while the connection is broken hides nothing of the attempt before", async () => {
  await berth("run", "-d", "trainer").code;
  server.change("1", { epoch: 1 });
  server.log("1", line(1, "first attempt"));
  const logs = berth("logs", "-f", "1");
  await until("the first line", 60, () => logs.stdout() === "first attempt\n");
  server.cutStreams();
  server.log("1", line(3, "last words of the first"), { ...line(4, "second attempt"), epoch: 2 });
  server.change("1", { epoch: 2 });
  await until("the second attempt", 60, () => logs.stdout().includes("second attempt"));
  server.change("1", succeeded);
  expect(await logs.code).toBe(0);
  expect(logs.stdout()).toBe("first attempt\nlast words of the first\nsecond attempt\n");
});

test("a submission whose answer is lost is sent again under the same key, and makes one job", async () => {
  server.loseAnswers(2);
  const submit = berth("run", "-d", "trainer");
  expect(await submit.code).toBe(0);
  expect(server.submissions).toHaveLength(3);
  expect(new Set(server.submissions).size).toBe(1);
  expect(server.jobs.size).toBe(1);
});

test("wait returns the first bad exit code, and 124 when its time is over", async () => {
  for (let count = 0; count < 2; count += 1) await berth("run", "-d", "trainer").code;
  const impatient = berth("wait", "--timeout", "1s", "1");
  expect(await impatient.code).toBe(124);
  expect(impatient.stderr()).toContain("job 1 is still pending");
  const both = berth("wait", "1", "2");
  server.change("1", succeeded);
  server.change("2", failed);
  expect(await both.code).toBe(42);
});

test("submit takes several documents from stdin, and cancel goes on past a job that is not there", async () => {
  const submit = berth("submit", "-", "-o", "name", "--set", "priority=5");
  submit.child.stdin?.end("name: a\nimage: x\n---\nname: b\nimage: y\n");
  expect(await submit.code).toBe(0);
  expect(submit.stdout()).toBe("job/1\njob/2\n");
  expect([...server.jobs.values()].map(({ spec }) => [spec.name, spec.priority])).toEqual([
    ["a", 5],
    ["b", 5],
  ]);
  const cancel = berth("cancel", "nosuch", "job/2");
  expect(await cancel.code).toBe(1);
  expect(server.cancelled).toEqual(["2"]);
  expect(cancel.stderr()).toContain("error: no job nosuch\nhint: `berth ps --all` lists the jobs\n");
});
