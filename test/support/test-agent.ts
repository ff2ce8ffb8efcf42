import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runNode } from "../../src/node/agent/agent.ts";
import { createAgentMetrics } from "../../src/node/agent/agent-metrics.ts";
import { createControlPlaneClient } from "../../src/node/agent/control-plane-client.ts";
import { createMembership, type Membership } from "../../src/node/agent/membership.ts";
import { openReplicaRecords } from "../../src/node/agent/replica-records.ts";
import type { Image, ImageStore } from "../../src/node/images/types.ts";
import { type NodeFacts, systemClock } from "../../src/shared/domain/index.ts";
import { silentLogger } from "../../src/shared/observe/index.ts";
import type { FakeEngine } from "./fake-engine.ts";

/** A node that knows its images by name and has two GPUs, one of them ill. */
export interface TestAgent {
  readonly dataDir: string;
  /** What unpacking waits for. */
  unpack: ImageStore["unpack"];
  /** What its diagnostics say. */
  diagnose: (gpuUuid: string | null, signal: AbortSignal) => Promise<string | null>;
  start(engine: FakeEngine): void;
  /** As after SIGTERM. */
  stop(): Promise<void>;
  dispose(): Promise<void>;
}

export const HEALTHY_GPU = "GPU-00000000-0000-0000-0000-000000000001";
export const ILL_GPU = "GPU-00000000-0000-0000-0000-000000000002";

const FACTS: NodeFacts = {
  hostname: "test",
  os: "Debian 12",
  kernel: "6.18",
  architecture: "amd64",
  cpus: 2,
  memoryBytes: 2 ** 33,
  diskFreeBytes: 1,
  diskTotalBytes: 2,
  cgroupMode: "hybrid",
  runtime: "fake",
  berthVersion: "0.1.0",
  driverVersion: null,
  cudaVersion: null,
  gpus: [],
  simulatedGpus: true,
};

export async function createTestAgent(url: string, options: { token?: string | null } = {}): Promise<TestAgent> {
  const dataDir = await mkdtemp(join(tmpdir(), "berth-test-agent-"));
  const { token = "join-me" } = options;
  let running: { abort: AbortController; done: Promise<void> } | null = null;
  const agent: TestAgent = {
    dataDir,
    unpack: async () => {},
    diagnose: async () => null,
    start(engine) {
      const abort = new AbortController();
      running = { abort, done: run(agent, engine, url, token, abort.signal) };
    },
    async stop() {
      running?.abort.abort();
      await running?.done;
      running = null;
    },
    async dispose() {
      await agent.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return agent;
}

async function run(agent: TestAgent, engine: FakeEngine, url: string, token: string | null, signal: AbortSignal): Promise<void> {
  const clock = systemClock();
  const log = silentLogger();
  const client = createControlPlaneClient({ url, credential: () => membership.current()?.credential ?? null, answerMs: 2_000 });
  const membership: Membership = createMembership({
    client,
    identityPath: join(agent.dataDir, "agent", "identity.json"),
    name: "test",
    token,
    local: false,
    log,
  });
  await runNode(
    {
      engine,
      ensureImage: async (reference, progress, aborted) => {
        const image = { digest: reference } as Image;
        await agent.unpack(image, progress, aborted);
        return image;
      },
      client,
      membership,
      facts: {
        current: () => FACTS,
        gpuHealth: () =>
          new Map([
            [HEALTHY_GPU, true],
            [ILL_GPU, false],
          ]),
        keepFresh: async () => {},
      },
      mps: { endpointOf: async () => Promise.reject(new Error("no MPS here")), keepOnly: async () => {} },
      records: await openReplicaRecords(join(agent.dataDir, "agent", "replicas")),
      metrics: createAgentMetrics({ hostname: "test", containers: () => engine.list(), gpus: () => [], xidCounts: () => [], clock }),
      peakGpuMemory: () => null,
      bootTimeMs: () => performance.timeOrigin + performance.now(),
      bootId: "boot",
      incarnation: "incarnation",
      address: "127.0.0.1",
      clock,
      random: Math.random,
      diagnose: (gpuUuid, aborted) => agent.diagnose(gpuUuid, aborted),
      log,
    },
    signal,
  );
  await client.close();
}
