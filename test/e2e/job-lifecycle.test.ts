import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { freePort } from "../support/free-port.ts";
import { loadTinyImage } from "../support/load-tiny-image.ts";
import { until } from "../support/poll.ts";

let berth: Berth;

beforeAll(async () => {
  berth = await Berth.start();
  await loadTinyImage(berth);
});
afterAll(() => berth?.dispose());

const shell = (script: string) => ({ command: ["sh", "-c", script] });

test("berth run prints the output and returns the program's exit code", async () => {
  const ran = await berth.cli("run", "tiny", "sh", "-c", "echo to stdout; echo to stderr >&2; exit 7");
  expect(ran.stdout).toContain("to stdout\n");
  expect(ran.stderr + ran.stdout).toContain("to stderr");
  expect(ran.code).toBe(7);
});

test("a job's log can be followed while it runs and read again when it is over", async () => {
  const id = await berth.submit({ name: "counting", ...shell("for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done") });
  const followed = await berth.cli("logs", "--follow", id);
  const expected = [1, 2, 3, 4, 5].map((number) => `line ${number}`);
  expect(followed.stdout.trim().split("\n")).toEqual(expected);
  expect(await berth.logLines(id)).toEqual(expected);
  expect((await berth.job(id)).outcome).toMatchObject({ cause: "exited", exitCode: 0 });
});

test("a job told to stop gets SIGTERM first and is cancelled", async () => {
  const id = await berth.submit({
    name: "stoppable",
    ...shell("trap 'echo saving; exit 0' TERM; echo ready; while :; do sleep 0.1; done"),
  });
  await until("the program to be ready", 60, async () => (await berth.logLines(id)).includes("ready"));
  expect((await berth.cli("cancel", id)).code).toBe(0);
  await berth.waitFor(id, "cancelled");
  expect(await berth.logLines(id)).toEqual(["ready", "saving"]);
});

test("a job that waits in the queue is cancelled at once and says why it waited until then", async () => {
  const id = await berth.submit({ name: "too-big", ...shell("true"), resources: { gpus: 4 } });
  const pending = await until("a reason", 60, async () => {
    const job = await berth.job(id);
    return job.pendingReason?.includes("GPU") ? job : null;
  });
  expect(pending.state).toBe("pending");
  await berth.cli("cancel", id);
  await berth.waitFor(id, "cancelled");
});

test("a job past its time limit is ended with that cause, SIGKILL following an ignored SIGTERM", async () => {
  const id = await berth.submit({ name: "slow", ...shell("trap '' TERM; while :; do sleep 0.1; done"), timeLimit: "1s", stopGrace: "1s" });
  const job = await berth.waitFor(id, "failed");
  expect(job.outcome?.cause).toBe("time-limit");
});

test("a job out of memory is told apart from one that was killed", async () => {
  const hungry = await berth.submit({
    name: "hungry",
    ...shell("x=0123456789abcdef; while :; do x=$x$x; done"),
    resources: { memory: "32Mi" },
  });
  const killed = await berth.submit({ name: "killed", ...shell("kill -9 $$; sleep 1; sh -c 'kill -9 $PPID'; exit 137") });
  expect((await berth.waitFor(hungry, "failed")).outcome?.cause).toBe("oom");
  const outcome = (await berth.waitFor(killed, "failed")).outcome;
  expect(outcome).toMatchObject({ exitCode: 137 });
  expect(outcome?.cause).not.toBe("oom");
});

test("a failing job is retried as often as it asked for and its attempts keep their own logs", async () => {
  const id = await berth.submit({
    name: "flaky",
    ...shell('echo "try" >> /data/tries; n=$(wc -l < /data/tries); echo attempt $n; [ "$n" -ge 3 ]'),
    retries: 2,
    volumes: { "flaky-data": "/data" },
  });
  const job = await berth.waitFor(id, "succeeded");
  expect(job).toMatchObject({ retriesUsed: 2, epoch: 3 });
  expect(await berth.logLines(id)).toEqual(["attempt 3"]);
});

test("an image that does not exist fails the job with a message that says what to do", async () => {
  const id = await berth.submit({ name: "lost", image: "no-such-image:1", ...shell("true") });
  const job = await berth.waitFor(id, "failed");
  expect(job.outcome).toMatchObject({ cause: "start-failed", exitCode: null });
  expect(job.outcome?.message).toContain("no-such-image");
  const described = await berth.cli("get", id);
  expect(described.stdout).toContain("no-such-image");
});

test("a program that is not in the image is a start failure, not a crash of anything", async () => {
  const id = await berth.submit({ name: "typo", command: ["/no/such/program"] });
  const job = await berth.waitFor(id, "failed");
  expect(job.outcome?.message).toMatch(/no such file/i);
});

test("a published port answers on the node, and the next job that asks for it waits until the first has ended", async () => {
  const port = await freePort();
  const publish = async (word: string) => {
    const ran = await berth.cli("run", "-d", "-p", `${port}:7000`, "tiny", "sh", "-c", `echo ${word} | nc -l -p 7000`);
    return ran.stdout.trim().replace("job/", "");
  };
  const answer = () => text(connect(port, "127.0.0.1")).catch(() => "");
  const first = await publish("first");
  await berth.waitFor(first, "running");
  expect((await berth.job(first)).attempt?.replicas[0]?.ports).toEqual([{ containerPort: 7000, hostPort: port, protocol: "tcp" }]);
  const second = await publish("second");
  await until("the port to be missed", 60, async () =>
    (await berth.job(second)).pendingReason?.includes(`port ${port}/tcp is taken by job ${first}`),
  );
  await expect.poll(answer, { timeout: 20_000 }).toBe("first\n");
  await berth.waitFor(first, "succeeded");
  await expect.poll(answer, { timeout: 30_000 }).toBe("second\n");
  await berth.waitFor(second, "succeeded");
});

test("what a job writes to a volume is there for the next job", async () => {
  const writer = await berth.submit({ name: "writer", ...shell("echo kept > /data/file"), volumes: { shared: "/data" } });
  await berth.waitFor(writer, "succeeded");
  const reader = await berth.submit({ name: "reader", ...shell("cat /data/file"), volumes: { shared: "/data" } });
  await berth.waitFor(reader, "succeeded");
  expect(await berth.logLines(reader)).toEqual(["kept"]);
  expect(await readFile(join(berth.dataDir, "volumes/shared/data/file"), "utf8")).toBe("kept\n");
});

test("a job runs with the secure defaults it was promised", async () => {
  const id = await berth.submit({
    name: "inside",
    ...shell("grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status; df /dev/shm | tail -1"),
    resources: { memory: "64Mi" },
  });
  await berth.waitFor(id, "succeeded");
  const lines = (await berth.logLines(id)).join("\n");
  expect(lines).toMatch(/NoNewPrivs:\s*1/);
  expect(lines).toMatch(/Seccomp:\s*2/);
  expect(lines).toMatch(/CapEff:\s*00000000800405fb/);
  expect(lines).toMatch(/\s65536\s/);
});

test("the same idempotency key submits once", async () => {
  const submit = () =>
    fetch(`http://127.0.0.1:${berth.port}/v1/jobs`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": "only-once", authorization: `Bearer ${token}` },
      body: JSON.stringify({ name: "once", image: "tiny", command: ["true"] }),
    }).then(async (answer) => (await answer.json()) as { id: string });
  const token = (await readFile(join(berth.dataDir, "control/admin-token"), "utf8")).trim();
  const [first, second] = [await submit(), await submit()];
  expect(second.id).toBe(first.id);
});

test("nothing of a finished job is left on the node", async () => {
  const id = await berth.submit({ name: "tidy", ...shell("true") });
  await berth.waitFor(id, "succeeded");
  await until("the container to be removed", 60, async () => (await berth.containers()).every((name) => !name.startsWith(`job-${id}-`)));
  expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(`/job-${id}-`);
});

test("an array runs every task with its index, follows as one, and its failed task runs again alone", async () => {
  const script =
    "echo task $BERTH_ARRAY_TASK_ID of $BERTH_ARRAY_TASK_COUNT in $SLURM_ARRAY_JOB_ID; test $BERTH_ARRAY_TASK_ID != 4 || test -e /v/ok || exit 9";
  const ran = await berth.cli("run", "--array", "0-4:2%2", "-v", "again:/v", "tiny", "sh", "-c", script);
  expect(ran.code).toBe(9);
  const array = /job (\d+)/.exec(ran.stderr)?.[1] ?? "";
  const lines = [0, 2, 4].map((index) => `[${array}_${index}] task ${index} of 3 in ${array}`);
  expect(ran.stdout.trim().split("\n").sort()).toEqual(lines);
  expect(ran.stderr).toContain(`1 of 3 tasks failed: ${array}_[4]`);
  expect((await berth.cli("logs", array)).stdout.trim().split("\n")).toEqual(lines);

  await berth.cli("run", "-v", "again:/v", "tiny", "touch", "/v/ok");
  expect((await berth.cli("retry", array)).stdout).toBe(`job/${array}\n`);
  const waited = await berth.cli("wait", array, `${array}_[0,2]`);
  expect([waited.code, waited.stdout.split("\n").sort()]).toEqual([
    0,
    ["", `job/${array} succeeded`, `job/${array}_0 succeeded`, `job/${array}_2 succeeded`],
  ]);
  const listed = await berth.cli("ps", "-a", "--array", array, "--no-headers");
  expect(listed.stdout.split("\n").map((line) => line.trim().split(/ +/)[0])).toEqual([
    ...[`${array}_4`, `${array}_4`, `${array}_2`, `${array}_0`, ""],
  ]);
});
