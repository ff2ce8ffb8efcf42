import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { Agent, request } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CliIo } from "../../../src/cli/cli-io.ts";
import { simulateVerb } from "../../../src/cli/verbs/simulate.ts";
import { runControlPlane } from "../../../src/control/api/index.ts";
import { gpusCounted, type Job, systemClock } from "../../../src/shared/domain/index.ts";
import { silentLogger } from "../../../src/shared/observe/index.ts";
import type { JoinResponse, ReplicaReport, SyncResponse } from "../../../src/shared/wire/index.ts";
import { gpuOf } from "../../support/control-samples.ts";
import { until } from "../../support/poll.ts";
import { startRedis, type TestRedis } from "../../support/redis.ts";
import { syncRequest } from "../../unit/api/sync-request.ts";

let folder: string;
let redis: TestRedis;
let local: Agent;
let url: string;
const stop = new AbortController();
let done: Promise<void>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-history-"));
  redis = await startRedis();
  local = new Agent({ connect: { socketPath: join(folder, "run/api.sock") } });
  url = await new Promise((listening) => {
    const options = { dataDir: join(folder, "data"), runDir: join(folder, "run"), listen: "127.0.0.1:0", embedded: true };
    done = runControlPlane(
      { ...options, redis: `unix://${redis.socketPath}`, logger: silentLogger(), onListening: listening },
      stop.signal,
    );
  });
  await until("readiness", 60, async () => (await request(`${url}/readyz`)).statusCode === 200);
});
afterAll(async () => {
  stop.abort();
  await done;
  await local.destroy();
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

async function call<T>(path: string, method: "GET" | "POST" | "PUT" = "GET", body?: object): Promise<T> {
  const json = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return (await (await request(`http://local${path}`, { method, dispatcher: local, ...json })).body.json()) as T;
}

/** GPU 0 whole, GPU 1 whole, GPU 2 split. */
function gpus() {
  const device = (index: number, profile: string) => ({
    uuid: `MIG-${index}`,
    gpuInstance: index,
    computeInstance: 0,
    profile,
    memoryBytes: 10 * 2 ** 30,
  });
  const mig = { enabled: true, devices: [device(0, "1g.10gb"), device(1, "1g.10gb")] };
  return [gpuOf("n", 0), gpuOf("n", 1), gpuOf("n", 2, { mig })];
}

/** A node that runs whatever it is given for a moment. */
async function runEverything(ids: readonly string[]): Promise<Job[]> {
  const { token } = await call<{ token: string }>("/v1/tokens", "POST", { kind: "join" });
  const send = async <T>(path: string, body: object, credential?: string) => {
    const headers = { "content-type": "application/json", ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }) };
    return (await (await request(`${url}${path}`, { method: "POST", headers, body: JSON.stringify(body) })).body.json()) as T;
  };
  const { nodeId, credential } = await send<JoinResponse>("/agent/v1/join", { token, name: "n" });
  const running = new Map<string, ReplicaReport>();
  return until("the history", 60, async () => {
    const plain = syncRequest(nodeId, [...running.values()]);
    const sync = { ...plain, facts: { ...plain.facts, gpus: gpus(), labels: { rack: "r1" } } };
    const { desired } = await send<SyncResponse>("/agent/v1/sync", sync, credential);
    for (const { jobId, epoch, rank } of desired) {
      const key = `${jobId}/${rank}`;
      const base = { jobId, epoch, rank, message: null, startedAt: Date.now(), finishedAt: null, cause: null, exitCode: null, usage: null };
      const ended = { state: "exited", cause: "exited", exitCode: 0, finishedAt: Date.now() } as const;
      const before = running.get(key);
      running.set(key, before === undefined ? { ...base, state: "running" } : { ...before, ...ended });
    }
    const rows = await Promise.all(ids.map((id) => call<Job>(`/v1/jobs/${id}`)));
    return rows.every(({ state }) => state === "succeeded") ? rows : undefined;
  });
}

async function simulated(...options: string[]) {
  const stdout = new PassThrough();
  const io: CliIo = {
    ...{ stdin: new PassThrough(), stdout, stderr: new PassThrough(), colour: { stdout: false, stderr: false } },
    env: { BERTH_HOST: `unix://${join(folder, "run/api.sock")}` },
    ...{ interactive: false, clock: systemClock(), onSignal: () => () => {}, exitCode: 0 },
  };
  await simulateVerb(io).parseAsync(["--from-cluster", "1h", "-o", "json", ...options], { from: "user" });
  return (JSON.parse(String(stdout.read())) as { report: Report }).report;
}

interface Report {
  jobs: number;
  neverStarted: string[];
  fairness: { projects: { project: string; gpuHours: number; jobs: number }[] };
}

test("a cluster's own history is replayed with parts of GPUs, MIG devices, gangs, arrays, rules, limits and projects", async () => {
  await call("/v1/projects/vision", "PUT", { weight: 2, quota: { gpus: 1 } });
  const submit = async (body: object) => (await call<Job>("/v1/jobs", "POST", { image: "debian:bookworm", ...body })).id;
  const ids = [
    await submit({ name: "half-a", resources: { gpus: 0.5 } }),
    await submit({ name: "half-b", resources: { gpus: 0.5 }, timeLimit: "1h", priority: 5 }),
    await submit({ name: "slice", resources: { mig: "1g.10gb" } }),
    await submit({ name: "gang", project: "vision", replicas: 2, resources: { gpus: 1 }, placement: { nodeSelector: { rack: "r1" } } }),
    await submit({ name: "sweep", resources: { cpus: "100m" }, array: "0-2%1" }),
  ];
  const rows = await runEverything(ids);
  const report = await simulated();
  expect(report).toMatchObject({ jobs: 7, neverStarted: [] });
  const hours = (row: Job) => ((row.finishedAt ?? 0) - (row.startedAt ?? 0)) / 3_600_000;
  const counted = (rowsOfProject: Job[]) =>
    rowsOfProject.reduce((sum, row) => sum + hours(row) * gpusCounted(row.spec.resources) * row.spec.replicas, 0);
  const [vision, others] = [rows.filter(({ spec }) => spec.project === "vision"), rows.filter(({ spec }) => spec.project !== "vision")];
  for (const [name, own] of [
    ["vision", vision],
    ["default", others],
  ] as const) {
    const project = report.fairness.projects.find((one) => one.project === name);
    expect(project?.gpuHours).toBeCloseTo(counted(own), 9);
  }
  // The replay is the same each time, and goes by the policy that is asked for.
  expect(await simulated()).toEqual(report);
  expect((await simulated("--policy", "service")).jobs).toBe(7);
});
