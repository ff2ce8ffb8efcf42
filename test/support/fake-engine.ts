import { createReadStream } from "node:fs";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Container, ContainerExit, ContainerRequest, Engine } from "../../src/node/engine/types.ts";
import { BerthError } from "../../src/shared/domain/index.ts";

/** A small real engine without a kernel: containers are entries in a map, their logs are files. */
export interface FakeEngine extends Engine {
  /** Every call that changed something, in order: "run ID", "stop ID", ... */
  readonly calls: string[];
  readonly requests: Map<string, ContainerRequest>;
  readonly leases: Map<string, number>;
  /** The program of `id` ends by itself. */
  exit(id: string, exit: Partial<ContainerExit>): void;
  /** The program of `id` writes to its log. */
  print(id: string, text: string | Buffer): Promise<void>;
  /** What `run` does before the container starts; throw to fail. */
  beforeRun: (request: ContainerRequest, progress: (message: string) => void, signal: AbortSignal) => Promise<void>;
  /** What `stop` does before the container ends. */
  beforeStop: (id: string) => Promise<void>;
  /** What the program does at a signal. */
  onSignal: (id: string, signal: string) => Promise<void>;
  /** When each container's program last acknowledged a checkpoint. */
  readonly checkpoints: Map<string, number>;
  /** Removes the logs. */
  dispose(): Promise<void>;
  /** Containers as they would be after the agent's death: same containers, no listeners. */
  successor(): FakeEngine;
}

export async function createFakeEngine(): Promise<FakeEngine> {
  return engineOver(new Map(), await mkdtemp(join(tmpdir(), "berth-fake-engine-")));
}

function engineOver(containers: Map<string, Container>, folder: string): FakeEngine {
  const listeners = new Set<(container: Container) => void>();
  const set = (id: string, change: Partial<Container>): Container => {
    const known = containers.get(id);
    if (!known) throw new BerthError("container_not_found", `no container ${id}`);
    const next = { ...known, ...change };
    containers.set(id, next);
    for (const listener of listeners) listener(next);
    return next;
  };
  const engine: FakeEngine = {
    calls: [],
    requests: new Map(),
    leases: new Map(),
    beforeRun: async () => {},
    beforeStop: async () => {},
    onSignal: async () => {},
    checkpoints: new Map(),
    exit(id, exit) {
      if (containers.get(id)?.state !== "running") throw new Error(`${id} does not run`);
      const full: ContainerExit = { exitCode: 0, cause: "exited", finishedAt: Date.now(), usage: null, ...exit };
      set(id, { state: "exited", pid: null, exit: full });
    },
    print: (id, text) => appendFile(engine.logPath(id), text),
    dispose: () => rm(folder, { recursive: true, force: true }),
    successor: () => engineOver(containers, folder),
    recover: async () => {},
    async run(request, progress, signal) {
      engine.calls.push(`run ${request.id}`);
      engine.requests.set(request.id, request);
      await engine.beforeRun(request, progress, signal);
      signal.throwIfAborted();
      await writeFile(engine.logPath(request.id), "", { flag: "a" });
      containers.set(request.id, {
        id: request.id,
        imageDigest: "sha256:0",
        labels: request.labels,
        state: "created",
        pid: null,
        createdAt: Date.now(),
        startedAt: null,
        exit: null,
        gpuUuids: request.gpuUuids,
        ipAddress: null,
        ports: [],
      });
      if (request.leaseDeadlineMs !== null) engine.leases.set(request.id, request.leaseDeadlineMs);
      return set(request.id, { state: "running", pid: 1, startedAt: Date.now() });
    },
    list: () => [...containers.values()],
    get: (id) => containers.get(id) ?? null,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async stop(id, graceSeconds) {
      engine.calls.push(`stop ${id} ${graceSeconds}`);
      await engine.beforeStop(id);
      if (containers.get(id)?.state === "running") engine.exit(id, { cause: "signal", exitCode: 143 });
    },
    async signal(id, signal) {
      engine.calls.push(`signal ${id} ${signal}`);
      await engine.onSignal(id, signal);
      return containers.get(id)?.state === "running";
    },
    checkpointAt: async (id) => engine.checkpoints.get(id) ?? null,
    async renewLease(id, deadlineMs) {
      engine.leases.set(id, deadlineMs);
    },
    async remove(id) {
      engine.calls.push(`remove ${id}`);
      containers.delete(id);
      await rm(engine.logPath(id), { force: true });
    },
    readLog: async (id, offset): Promise<Readable> => createReadStream(engine.logPath(id), { start: offset }),
    logPath: (id) => join(folder, `${id}.log`),
    usage: async () => null,
    async close() {
      listeners.clear();
    },
  };
  return engine;
}
