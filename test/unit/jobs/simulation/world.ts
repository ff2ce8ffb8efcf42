import {
  applyChange,
  createMemoryStores,
  createNodeSync,
  createScheduleLoop,
  type JobStore,
  type NodeStore,
  type NodeSync,
} from "../../../../src/control/jobs/index.ts";
import { decide } from "../../../../src/control/scheduler/index.ts";
import { type Clock, isTerminal, type Job } from "../../../../src/shared/domain/index.ts";
import type { SyncRequest, SyncResponse } from "../../../../src/shared/wire/index.ts";
import { specOf } from "../../../support/control-samples.ts";
import { createFakeNode, type FakeNode } from "./fake-node.ts";
import { createGroundTruth } from "./ground-truth.ts";
import { createRandom, createSimClock, type Random } from "./sim-clock.ts";

/** Ways to break the protocol on purpose, to see that the judge notices. */
export type Mutation = "none" | "early-reuse" | "lost-node-granted";

export interface WorldResult {
  violations: string[];
  jobs: Job[];
  simulatedSeconds: number;
}

const NODES = 3;
const GPUS = 2;
const LEASE = { leaseSeconds: 20, graceSeconds: 5 };
const FAULTS_UNTIL = 120_000;
/** After the faults: everything must end within this. */
const PATIENCE = 900_000;

/** Runs one seed: jobs, then two minutes of faults, then healing until every job is terminal. */
export async function runWorld(seed: number, mutation: Mutation = "none"): Promise<WorldResult> {
  const random = createRandom(seed);
  const sim = createSimClock();
  const truth = createGroundTruth(sim.time);
  const { jobs: store, nodes } = createMemoryStores();
  const control = createControl({ store, nodes, sim, random, mutation });
  const machines: FakeNode[] = [];
  let network = { loss: 0, delayMs: 50, duplicate: 0 };
  const cut = new Set<string>();

  const send = async (request: SyncRequest): Promise<SyncResponse> => {
    const lost = () => cut.has(request.nodeId) || random() < network.loss;
    const arrive = async () => {
      await sim.sleep(random() * network.delayMs);
      return lost() ? null : control.sync(request).catch(() => null);
    };
    if (random() < network.duplicate) sim.after(random() * 8000, () => void arrive());
    const answer = await arrive();
    await sim.sleep(random() * network.delayMs);
    return answer === null || lost() ? new Promise(() => {}) : structuredClone(answer);
  };

  for (let index = 0; index < NODES; index += 1) {
    const id = `n${index}`;
    await nodes.join(id, 0);
    const machine = createFakeNode({ id, gpus: GPUS, clock: sim, random, truth, send, intervalMs: 3000, failureRate: 0.25 });
    machine.start();
    machines.push(machine);
  }
  await submitJobs(store, sim.time, random);
  control.start();

  const fault = () => {
    if (sim.time() > FAULTS_UNTIL) {
      network = { loss: 0, delayMs: 50, duplicate: 0 };
      return cut.clear();
    }
    const node = Math.floor(random() * NODES);
    const kind = Math.floor(random() * 9);
    if (kind === 0) machines[node]?.crashAgent(random() * 20_000, false);
    if (kind === 1) machines[node]?.crashAgent(random() * 20_000, true);
    if (kind === 2) machines[node]?.pauseAgent(random() * 60_000);
    if (kind === 3) machines[node]?.reboot(random() * 40_000);
    if (kind === 4) cut.add(`n${node}`);
    if (kind === 5) cut.clear();
    if (kind === 6) network = { loss: random() * 0.4, delayMs: random() * 9000, duplicate: random() * 0.5 };
    if (kind === 7) control.restart(random() * 15_000);
    if (kind === 8) control.jumpWallClock();
    if (random() < 0.15) cancelSome(store, sim.time(), random);
    sim.after(random() * 15_000, fault);
  };
  sim.after(random() * 15_000, fault);

  let open = true;
  const check = async () => {
    const counts = await store.counts();
    open = counts.pending + counts.starting + counts.running + counts.stopping > 0;
    if (open || sim.time() < FAULTS_UNTIL) sim.after(2000, () => void check());
  };
  void check();
  await sim.runUntil(FAULTS_UNTIL + PATIENCE, () => !open && sim.time() > FAULTS_UNTIL);
  const jobs = (await store.list({}, { limit: 1000, cursor: null })).items;
  return { violations: [...truth.violations, ...(await storyViolations(store, jobs))], jobs, simulatedSeconds: sim.time() / 1000 };
}

async function submitJobs(store: JobStore, time: () => number, random: Random): Promise<void> {
  for (let index = 0; index < 6; index += 1) {
    const spec = specOf({
      retries: Math.floor(random() * 3),
      replicas: 1 + Math.floor(random() * 3),
      priority: Math.floor(random() * 3),
      resources: { gpus: Math.floor(random() * 3), cpuMillis: 2000 },
    });
    await store.submit({ spec, user: "ada", idempotencyKey: null }, time());
  }
}

function cancelSome(store: JobStore, now: number, random: Random): void {
  void applyChange(store, String(1 + Math.floor(random() * 6)), { type: "cancel-requested", by: "ada" }, now).catch(() => {});
}

/** Every job was accepted once, ended once, and its epochs only grew. */
async function storyViolations(store: JobStore, jobs: readonly Job[]): Promise<string[]> {
  const violations = jobs.length === 6 ? [] : [`${6 - jobs.length} jobs disappeared`];
  for (const job of jobs) {
    const events = await store.events(job.id, null);
    const ends = events.filter(({ type }) => type === "succeeded" || type === "failed" || type === "cancelled").length;
    const epochs = events.map(({ epoch }) => epoch);
    if (!isTerminal(job.state)) violations.push(`job ${job.id} never ended: ${job.state}, ${job.pendingReason}`);
    else if (ends !== 1) violations.push(`job ${job.id} ended ${ends} times`);
    if (epochs.some((epoch, index) => epoch < (epochs[index - 1] ?? 0))) violations.push(`job ${job.id} went back in epochs ${epochs}`);
    if (job.outcome?.cause === "exited" && job.outcome.exitCode === null) violations.push(`job ${job.id} has no exit code`);
  }
  return violations;
}

/** The control plane's process: it can die at any call to the store and start again with nothing but the store. */
function createControl(parts: {
  store: JobStore;
  nodes: NodeStore;
  sim: ReturnType<typeof createSimClock>;
  random: Random;
  mutation: Mutation;
}) {
  const { store, nodes, sim, random, mutation } = parts;
  let generation = 0;
  let wallOffset = 1.7e12;
  let nodeSync: NodeSync | null = null;
  const lease = mutation === "early-reuse" ? { leaseSeconds: 1, graceSeconds: 1 } : LEASE;

  /** Calls take a moment, so that others come in between; calls of a dead process never return. */
  const slow = <T extends object>(target: T, mine: number): T =>
    new Proxy(target, {
      get:
        (object, name) =>
        async (...args: unknown[]) => {
          if (random() < 0.3) await sim.sleep(random() < 0.02 ? random() * 30_000 : random() * 40);
          if (mine !== generation) return new Promise(() => {});
          return (object[name as keyof T] as (...args: unknown[]) => unknown)(...args);
        },
    });

  const start = () => {
    generation += 1;
    const mine = generation;
    const startedAt = sim.time();
    const clock: Clock = {
      now: () => sim.time() + wallOffset,
      monotonic: () => sim.time() - startedAt,
      sleep: (milliseconds) => sim.sleep(milliseconds),
    };
    const [slowStore, slowNodes] = [slow(store, mine), slow(nodes, mine)];
    const recordSync: NodeStore["recordSync"] = async (report, now) => ({ ...(await slowNodes.recordSync(report, now)), state: "ready" });
    const syncNodes = mutation === "lost-node-granted" ? { ...nodes, recordSync } : slowNodes;
    const loop = createScheduleLoop({
      store: slowStore,
      nodes: slowNodes,
      decide,
      queues: { nudgeNode: async () => {} },
      clock,
      ...lease,
      suspectSeconds: 9,
    });
    const inner = createNodeSync({
      store: slowStore,
      nodes: syncNodes,
      clock,
      wakeScheduler: () => {},
      nudgeNode: () => {},
      ...lease,
      leaseSeconds: LEASE.leaseSeconds,
    });
    nodeSync = { sync: (request) => (mine === generation ? inner.sync(request) : new Promise(() => {})) };
    const passes = async () => {
      while (mine === generation) {
        await loop.pass().catch(() => {});
        await sim.sleep(2000);
      }
    };
    void passes();
  };

  return {
    start,
    restart: (downMs: number) => {
      generation += 1;
      nodeSync = null;
      sim.after(downMs, start);
    },
    jumpWallClock: () => {
      wallOffset += (random() - 0.5) * 7.2e6;
    },
    sync: async (request: SyncRequest): Promise<SyncResponse> => {
      if (nodeSync === null) throw new Error("the control plane is down");
      return nodeSync.sync(request);
    },
  };
}
