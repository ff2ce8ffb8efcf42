import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Agent, request } from "undici";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AgentOptions } from "../../../src/node/agent/agent-options.ts";
import { runAgent } from "../../../src/node/agent/index.ts";
import { desiredReplica } from "../../support/desired-replica.ts";
import { createFakeControlPlane, type FakeControlPlane } from "../../support/fake-control-plane.ts";
import { freePort } from "../../support/free-port.ts";
import { until } from "../../support/poll.ts";
import { writeTinyImageArchive } from "../../support/tiny-image.ts";

let plane: FakeControlPlane;
let folder: string;
let options: AgentOptions;
let running: { abort: AbortController; done: Promise<void> } | null = null;

beforeEach(async () => {
  plane = await createFakeControlPlane();
  folder = await mkdtemp(join(tmpdir(), "berth-agent-"));
  options = {
    join: plane.url,
    token: "join-me",
    tokenFile: null,
    name: "test",
    address: null,
    dataDir: folder,
    runDir: join(folder, "run"),
    simulateGpus: 2,
    driverRoot: null,
    allowBind: [],
    allowGpuDevices: [],
    cdiDir: join(folder, "cdi"),
    metricsListen: `127.0.0.1:${await freePort()}`,
    registryListen: null,
    runtime: "auto",
    logLevel: "error",
  };
});

afterEach(async () => {
  plane.desired = [];
  if (running) await until("no container to be left", 60, () => plane.syncs.at(-1)?.replicas.length === 0);
  await stop();
  await plane.stop();
  await rm(folder, { recursive: true });
});

function start(): void {
  const abort = new AbortController();
  running = { abort, done: runAgent(options, abort.signal) };
}

async function stop(): Promise<void> {
  running?.abort.abort();
  await running?.done;
  running = null;
}

/** POSTs a tar to the agent's own socket and gives what it said last. */
async function sendTar(path: string, body: Buffer, signal?: AbortSignal): Promise<Record<string, unknown>> {
  const dispatcher = new Agent({ connect: { socketPath: join(options.runDir, "node.sock") } });
  try {
    const headers = { "content-type": "application/x-tar" };
    const answer = await request(`http://node${path}`, { method: "POST", dispatcher, headers, body, ...(signal ? { signal } : {}) });
    return JSON.parse((await answer.body.text()).trimEnd().split("\n").at(-1) ?? "") as Record<string, unknown>;
  } finally {
    await dispatcher.close();
  }
}

async function loadTinyImage(): Promise<void> {
  const archive = await readFile(await writeTinyImageArchive(join(folder, "tiny.tar")));
  expect(await sendTar("/v1/images/load", archive)).toHaveProperty("result");
}

async function contextTar(dockerfile: string): Promise<Buffer> {
  const context = await mkdtemp(join(folder, "context-"));
  await writeFile(join(context, "Dockerfile"), dockerfile);
  const { stdout } = await promisify(execFile)("tar", ["-C", context, "-c", "."], { encoding: "buffer" });
  return stdout;
}

const reported = (state: string) =>
  until(`the replica to be ${state}`, 60, () => (plane.report("7")?.state === state ? plane.report("7") : null));

const GATE = { type: "volume" as const, source: "gate", target: "/gate", readOnly: false };

const shell = (script: string, gpuUuids: string[] = []) =>
  desiredReplica({ spec: { image: "tiny", command: ["/bin/sh", "-c", script], memoryBytes: 64 * 2 ** 20, gpuUuids, mounts: [GATE] } });

test("runs a real container on a simulated GPU and adopts one that outlived its agent", async () => {
  start();
  const facts = await until("the first sync", 60, () => plane.syncs.at(-1)?.facts);
  expect(facts).toMatchObject({ simulatedGpus: true, gpus: [{ healthy: true }, { healthy: true }] });
  expect(await until("the CDI file", 60, () => readFile(join(folder, "cdi/berth.yaml"), "utf8"))).toContain(facts.gpus[1]?.uuid);
  await loadTinyImage();
  const gpu = facts.gpus[1]?.uuid ?? "";
  plane.desired = [shell("ls /dev/nvidia*; echo begun; while [ ! -e /gate/go ]; do sleep 0.2; done; echo ended; exit 3", [gpu])];
  await reported("running");
  await until("the first lines", 60, () => plane.logs.get("7/1/0")?.includes("begun"));
  await stop();
  await expect(request(`http://${options.metricsListen}/metrics`)).rejects.toThrow();
  start();
  await writeFile(join(folder, "volumes/gate/data/go"), "");
  expect(await reported("exited")).toMatchObject({ cause: "exited", exitCode: 3 });
  const log = plane.logs.get("7/1/0")?.toString() ?? "";
  expect(log.match(/ended/g)).toHaveLength(1);
  expect(log).toContain("/dev/nvidia1");
  expect(log).not.toContain("/dev/nvidia0");
  const metrics = await (await request(`http://${options.metricsListen}/metrics`)).body.text();
  expect(metrics).toContain('berth_agent_containers{state="exited"} 1');
  expect(metrics).toMatch(/DCGM_FI_DEV_FB_USED\{gpu="1",UUID="GPU-/);
});

test("a second agent on the same data dir is told who holds it", async () => {
  start();
  await until("the first sync", 60, () => plane.syncs.length > 0);
  await expect(runAgent(options, new AbortController().signal)).rejects.toMatchObject({ code: "data_dir_locked" });
});

test("a refused token ends an agent that never joined", async () => {
  options = { ...options, token: "wrong" };
  await expect(runAgent(options, new AbortController().signal)).rejects.toMatchObject({ code: "unauthorized" });
});

test("builds on its socket what a replica then runs, and a build of a stopping agent leaves nothing behind", async () => {
  start();
  await until("the first sync", 60, () => plane.syncs.length > 0);
  await loadTinyImage();
  const built = await sendTar("/v1/build?tag=built:1", await contextTar('FROM tiny\nRUN echo made > /made\nCMD ["cat", "/made"]\n'));
  expect(built).toMatchObject({ result: { references: ["docker.io/library/built:1"] } });
  plane.desired = [desiredReplica({ spec: { image: "built:1", memoryBytes: 64 * 2 ** 20 } })];
  expect(await reported("exited")).toMatchObject({ exitCode: 0 });
  expect(plane.logs.get("7/1/0")?.toString()).toContain(" made\n");
  plane.desired = [];
  await until("the container to be removed", 60, () => plane.syncs.at(-1)?.replicas.length === 0);
  const slow = sendTar("/v1/build", await contextTar("FROM tiny\nRUN sleep 1000\n")).catch(() => undefined);
  await until("the build's mount", 60, async () => (await readFile("/proc/mounts", "utf8")).includes(`${folder}/build`));
  await stop();
  await slow;
  expect(await readFile("/proc/mounts", "utf8")).not.toContain(folder);
});
