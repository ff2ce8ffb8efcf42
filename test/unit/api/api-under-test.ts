import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from "fastify";
import {
  type ApiDeps,
  adminToken,
  createApp,
  createClusterCa,
  createLogStore,
  createWakeStreams,
  formatNodeCredential,
} from "../../../src/control/api/index.ts";
import { applyChange, createMemoryStores, createNodeSync } from "../../../src/control/jobs/index.ts";
import { decide } from "../../../src/control/scheduler/index.ts";
import { type Job, systemClock } from "../../../src/shared/domain/index.ts";
import { createMetrics, silentLogger } from "../../../src/shared/observe/index.ts";
import type { SyncRequest } from "../../../src/shared/wire/index.ts";
import { factsOf } from "../../support/control-samples.ts";

/** The real API over the memory stores and a log folder of its own. */
export interface TestApi {
  app: FastifyInstance;
  deps: ApiDeps;
  stop: AbortController;
  /** As the operator. */
  call(request: InjectOptions): Promise<LightMyRequestResponse>;
  submit(spec?: object): Promise<Job>;
  /** Joins a node; its Authorization header. */
  joinNode(name: string): Promise<string>;
  /** Gives the pending job to the nodes, rank by rank. */
  place(jobId: string, ...nodeIds: string[]): Promise<Job>;
  /** What the node's agent would say of a replica. */
  report(jobId: string, rank: number, nodeId: string, state: "running" | "exited", exitCode?: number): Promise<Job>;
  close(): Promise<void>;
}

export const ADMIN = "test-admin-token-0123456789abcdef";
export const AS_ADMIN = { authorization: `Bearer ${ADMIN}` };
export const SPEC = { name: "train", image: "debian:bookworm" };

export async function startTestApi(changes: Partial<ApiDeps> = {}): Promise<TestApi> {
  const folder = await mkdtemp(join(tmpdir(), "berth-api-"));
  const stop = new AbortController();
  const stores = createMemoryStores();
  const clock = systemClock();
  const wake = createWakeStreams();
  const logs = createLogStore({ root: join(folder, "logs"), logger: silentLogger(), maxBytes: 8_000_000 });
  const hints = { wakeScheduler: async () => {}, nudgeNode: async (nodeId: string) => wake.nudge(nodeId) };
  const options = { store: stores.jobs, nodes: stores.nodes, clock, wakeScheduler: () => {}, nudgeNode: wake.nudge };
  const sync = { sync: (request: SyncRequest) => createNodeSync(options).sync(request) };
  const deps: ApiDeps = {
    stores,
    sync,
    decide,
    queues: hints,
    logs,
    wake,
    metrics: createMetrics({ version: "0.0.0-test" }),
    admin: adminToken(ADMIN),
    clock,
    logger: silentLogger(),
    version: "0.0.0-test",
    isLocal: () => false,
    shownCertificate: () => ({ kind: "plain" }),
    ca: createClusterCa({ folder: join(folder, "control"), files: null, clock }),
    secure: false,
    stopping: stop.signal,
    ...changes,
  };
  const app = await createApp(deps);
  const call = (request: InjectOptions) => app.inject({ ...request, headers: { ...AS_ADMIN, ...request.headers } });
  return {
    app,
    deps,
    stop,
    call,
    submit: async (spec = SPEC) => (await call({ method: "POST", url: "/v1/jobs", payload: spec })).json<Job>(),
    joinNode: async (name) => {
      const { nodeId, credential } = await stores.nodes.join(name, clock.now());
      return `Bearer ${formatNodeCredential(nodeId, credential)}`;
    },
    place: (jobId, ...nodeIds) => {
      const assignments = nodeIds.map((nodeId, rank) => ({ rank, nodeId, nodeAddress: "127.0.0.1", gpuUuids: [] }));
      return applyChange(stores.jobs, jobId, { type: "placed", assignments }, clock.now());
    },
    report: async (jobId, rank, nodeId, state, exitCode = 0) => {
      const { epoch } = (await stores.jobs.get(jobId)) as Job;
      const now = clock.now();
      const end =
        state === "exited" ? { cause: "exited" as const, exitCode, finishedAt: now } : { cause: null, exitCode: null, finishedAt: null };
      const report = { jobId, epoch, rank, state, message: null, startedAt: now, usage: null, ...end };
      return applyChange(stores.jobs, jobId, { type: "replica-report", nodeId, report }, now);
    },
    close: async () => {
      stop.abort();
      wake.closeAll();
      await app.close();
      await logs.close();
      await stores.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** As `startTestApi`, with nodes that have told of four GPUs each. */
export async function startTestApiWithNodes(changes: Partial<ApiDeps>, ...names: string[]): Promise<TestApi> {
  const api = await startTestApi(changes);
  const { stores, clock } = api.deps;
  for (const nodeId of names) {
    await stores.nodes.join(nodeId, 1);
    const report = { nodeId, incarnation: "i", bootId: "b", sentAt: 1, address: "10.0.0.1", facts: factsOf(nodeId, 4) };
    await stores.nodes.recordSync(report, clock.now());
  }
  return api;
}
