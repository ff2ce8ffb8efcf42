import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { loadTinyImage } from "../support/load-tiny-image.ts";
import { until } from "../support/poll.ts";
import { isAlive } from "../support/processes.ts";

const LINES = 40;
/** Prints a line every 0.2 s (8 s in all) and notes each start: running twice would show. */
const COUNTING = `echo start >> /data/starts; for i in $(seq 1 ${LINES}); do echo line $i; sleep 0.2; done; exit 5`;
const EXPECTED = Array.from({ length: LINES }, (_, index) => `line ${index + 1}`);

let berth: Berth;

beforeEach(async () => {
  berth = await Berth.start();
  await loadTinyImage(berth);
});
afterEach(() => berth?.dispose());

async function startCounting(): Promise<string> {
  const id = await berth.submit({ name: "counting", command: ["sh", "-c", COUNTING], volumes: { counting: "/data" } });
  await until("the first lines", 30, async () => (await berth.logLines(id)).length >= 3);
  return id;
}

async function expectOneWholeRun(id: string): Promise<void> {
  const job = await berth.waitFor(id, "failed", 90);
  expect(job.outcome).toMatchObject({ cause: "exited", exitCode: 5 });
  expect(job.epoch).toBe(1);
  expect(await berth.logLines(id)).toEqual(EXPECTED);
  expect(await readFile(join(berth.dataDir, "volumes/counting/data/starts"), "utf8")).toBe("start\n");
}

describe.each(["agent", "control-plane", "redis-server"] as const)("kill -9 of the %s while a job runs", (name) => {
  test("loses no line, no exit code, and runs nothing twice", async () => {
    const id = await startCounting();
    const pid = berth.childPid(name);
    process.kill(pid, "SIGKILL");
    await until(`a new ${name}`, 30, () => !isAlive(pid) && berth.childPid(name) !== pid);
    await expectOneWholeRun(id);
  });
});

test("after kill -9 of the whole tree and a restart the container is adopted and queued jobs are still there", async () => {
  const id = await startCounting();
  const waiting = await berth.submit({ name: "waiting", command: ["true"], resources: { gpus: 1 } });
  await berth.killTree();
  await berth.up();
  await expectOneWholeRun(id);
  expect((await berth.job(waiting)).state).toBe("pending");
});

test("a job that ends while everything is down is reported with its exit code after the restart", async () => {
  const id = await berth.submit({ name: "brief", command: ["sh", "-c", "echo going; sleep 2; echo gone; exit 9"] });
  await until("its first line", 30, async () => (await berth.logLines(id)).includes("going"));
  await berth.killTree();
  await until("the program to end", 20, async () =>
    (await readFile(join(berth.dataDir, "containers", `job-${id}-1-0`, "log"), "utf8")).includes("gone"),
  );
  await berth.up();
  const job = await berth.waitFor(id, "failed");
  expect(job.outcome).toMatchObject({ cause: "exited", exitCode: 9 });
  expect(await berth.logLines(id)).toEqual(["going", "gone"]);
});

test("stopping with SIGTERM ends cleanly, and a job goes on in the next `berth up`", async () => {
  const id = await startCounting();
  expect(await berth.terminate()).toBe(0);
  await berth.up();
  await expectOneWholeRun(id);
});

test("a second berth up on the same data dir is refused and names the holder", async () => {
  const second = await berth.cli("up", "--data-dir", berth.dataDir, "--listen", "127.0.0.1:0");
  expect(second.code).not.toBe(0);
  expect(second.stderr).toContain(String(berth.pid));
});
