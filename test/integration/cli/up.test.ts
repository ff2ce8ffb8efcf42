import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "../../support/free-port.ts";
import { until } from "../../support/poll.ts";
import { descendants, isAlive, killIfAlive, processes, runs, runsBerth } from "../../support/processes.ts";
import { type BerthProcess, runBerth } from "./run-berth.ts";

let dataDir: string;
let port: number;
let started: BerthProcess[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "berth-up-"));
  port = await freePort();
});

afterEach(async () => {
  await runBerth(["down", "--data-dir", dataDir]).code;
  for (const { child } of started) child.kill("SIGKILL");
  started = [];
  for (const { pid } of ours()) killIfAlive(pid);
  await rm(dataDir, { recursive: true, force: true });
});

/** Every process that has the data dir on its command line, but for the commands of this test. */
function ours() {
  return processes().filter((entry) => entry.commandLine.includes(dataDir) && !runs(entry, "lease-guard"));
}

async function up(): Promise<BerthProcess> {
  const berth = runBerth(["up", "--data-dir", dataDir, "--listen", `127.0.0.1:${port}`]);
  started.push(berth);
  await until("berth up to be ready", 60, () => {
    if (berth.child.exitCode !== null) throw new Error(berth.stderr());
    return berth.stderr().includes("ready: http://");
  });
  return berth;
}

function cli(...args: string[]): BerthProcess {
  return runBerth(args, { BERTH_HOST: `unix://${dataDir}/run/api.sock` });
}

test("up starts everything, a second one is told who holds the data dir, and SIGTERM ends all of it cleanly", async () => {
  const berth = await up();
  expect(await cli("nodes").code).toBe(0);

  const second = runBerth(["up", "--data-dir", dataDir, "--listen", "127.0.0.1:0"]);
  expect(await second.code).toBe(1);
  expect(second.stderr()).toContain(`${dataDir} is held by process ${berth.child.pid} since `);
  expect(second.stderr()).toContain(`listening on 127.0.0.1:${port}`);
  expect(second.stderr()).toContain(`berth down --data-dir ${dataDir}`);

  const doctor = runBerth(["doctor", "--data-dir", dataDir, "-o", "json"]);
  await doctor.code;
  const redis = (JSON.parse(doctor.stdout()) as { id: string; level: string; found: string }[]).find(({ id }) => id === "redis");
  expect(redis).toMatchObject({ level: "ok", found: expect.stringContaining("appendonly yes, appendfsync always, noeviction") });

  const children = descendants(berth.child.pid ?? 0).map(({ pid }) => pid);
  expect(children.length).toBeGreaterThanOrEqual(3);
  berth.child.kill("SIGTERM");
  expect(await berth.code).toBe(0);
  expect(berth.stderr()).toContain("stopped");
  await until("the children to be gone", 60, () => children.every((pid) => !isAlive(pid)));
});

test("after kill -9 of the supervisor alone the next one ends the orphans and starts anew", async () => {
  const first = await up();
  const redis = descendants(first.child.pid ?? 0).find((entry) => runs(entry, "redis-server"))?.pid ?? 0;
  first.child.kill("SIGKILL");
  await first.code;
  expect(isAlive(redis)).toBe(true);
  const next = await up();
  expect(next.stderr()).toContain("ended what a killed `berth up` left behind: ");
  expect(isAlive(redis)).toBe(false);
  expect(ours().filter((entry) => runs(entry, "redis-server"))).toHaveLength(1);
});

test("a child that dies is started again", async () => {
  const berth = await up();
  const agent = () => descendants(berth.child.pid ?? 0).find((entry) => runsBerth(entry, "agent"))?.pid ?? 0;
  const before = agent();
  process.kill(before, "SIGKILL");
  await until("the agent to be back", 60, () => berth.stderr().includes("agent: ready again"));
  expect(agent()).not.toBe(before);
});

test("a taken port is told with the child's own words, and nothing is left running", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(port, "127.0.0.1", resolve));
  try {
    const berth = runBerth(["up", "--data-dir", dataDir, "--listen", `127.0.0.1:${port}`]);
    expect(await berth.code).toBe(1);
    expect(berth.stderr()).toContain("control-plane ended before it was ready");
    expect(berth.stderr()).toContain("EADDRINUSE");
    expect(ours()).toEqual([]);
  } finally {
    await new Promise((resolve) => taken.close(resolve));
  }
});

test("up --detach returns when all is ready, down stops it and waits", async () => {
  const detached = runBerth(["up", "--detach", "--data-dir", dataDir, "--listen", `127.0.0.1:${port}`]);
  expect(await detached.code, detached.stderr()).toBe(0);
  expect(await cli("version").code).toBe(0);
  const again = runBerth(["up", "--detach", "--data-dir", dataDir]);
  expect(await again.code).toBe(1);
  expect(again.stderr()).toContain("is held by process");
  expect(await runBerth(["down", "--data-dir", dataDir]).code).toBe(0);
  expect(ours()).toEqual([]);
  expect(await readFile(join(dataDir, "log/up.log"), "utf8")).toContain("stopped");
  const twice = runBerth(["down", "--data-dir", dataDir]);
  expect(await twice.code).toBe(0);
  expect(twice.stderr()).toContain("no Berth runs on");
});
