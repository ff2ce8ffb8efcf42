import { type Clock, isBerthError, type NodeFacts } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import { AGENT_PROTOCOL_VERSION, type DesiredReplica, type ReplicaReport, type SyncRequest } from "../../shared/wire/index.ts";
import type { Container, Engine } from "../engine/index.ts";
import type { MpsDaemons } from "../gpu/index.ts";
import type { AgentMetrics } from "./agent-metrics.ts";
import type { ControlPlaneClient } from "./control-plane-client.ts";
import { createDiagnostician, type Diagnostician } from "./diagnostics/diagnostician.ts";
import type { EnsureImage } from "./ensure-image.ts";
import { createLogShipper, type LogShipper } from "./log-shipper.ts";
import type { Membership } from "./membership.ts";
import type { NodeFactsSource } from "./node-facts.ts";
import { createSickGpuNotice } from "./notice-sick-gpus.ts";
import { createReconciler, type Reconciler } from "./reconciler.ts";
import { containerIdOf } from "./replica-key.ts";
import type { ReplicaRecords } from "./replica-records.ts";
import { openReplicaTable, type ReplicaTable } from "./replica-table.ts";
import { retireMps } from "./retire-mps.ts";
import type { StepContext } from "./steps/context.ts";
import { runningSince } from "./steps/start-replica.ts";
import { createSyncLoop, type SyncLoop } from "./sync-loop.ts";
import { readWakes } from "./wake-reader.ts";

export interface AgentParts {
  engine: Engine;
  ensureImage: EnsureImage;
  client: ControlPlaneClient;
  membership: Membership;
  facts: Pick<NodeFactsSource, "current" | "gpuHealth" | "keepFresh">;
  records: ReplicaRecords;
  mps: MpsDaemons;
  metrics: AgentMetrics;
  /** Bytes; null when unknown. */
  peakGpuMemory(containerId: string): number | null;
  /** CLOCK_BOOTTIME, milliseconds. */
  bootTimeMs(): number;
  bootId: string;
  /** Random per process start. */
  incarnation: string;
  address: string;
  clock: Clock;
  random: () => number;
  /** Why the GPU (null: the node) must stay in quarantine; null when nothing speaks against it. */
  diagnose(gpuUuid: string | null, signal: AbortSignal): Promise<string | null>;
  log: Logger;
}

const CLOSE_MS = 5_000;

interface Wiring {
  parts: AgentParts;
  table: ReplicaTable;
  reconciler: Reconciler;
  shipper: LogShipper;
  loop: SyncLoop;
  diagnostician: Diagnostician;
  noticeSickGpus: ReturnType<typeof createSickGpuNotice>;
  lastSuccessMs: number | null;
}

/**
 * Runs the node until `signal` aborts: syncs, reconciles, ships logs. Call after `engine.recover()`. Containers go on
 * when it ends; the next agent adopts them, and their leases run on meanwhile.
 */
export async function runNode(parts: AgentParts, signal: AbortSignal): Promise<void> {
  const wiring = await wire(parts, signal);
  const unsubscribe = parts.engine.onChange((container) => containerChanged(wiring, container));
  for (const container of parts.engine.list()) containerChanged(wiring, container);
  // Those of an agent that was killed, whose last client has ended since.
  void retireMps({ ...parts, table: wiring.table });
  wiring.reconciler.look();
  try {
    const wakes = readWakes({ ...parts, onWake: () => wiring.loop.poke("wake") }, signal);
    const fresh = parts.facts.keepFresh(() => gpusChanged(wiring), signal);
    await wiring.loop.run(signal);
    await Promise.all([wakes, fresh]);
  } finally {
    unsubscribe();
    await Promise.all([wiring.reconciler.close(CLOSE_MS), wiring.shipper.close(CLOSE_MS)]);
    await retireMps({ ...parts, table: wiring.table });
  }
}

async function wire(parts: AgentParts, signal: AbortSignal): Promise<Wiring> {
  const damaged = (path: string, error: unknown) => parts.log.error({ path, err: error }, "replica record is damaged, ignored");
  const table = await openReplicaTable(parts.engine, parts.records, damaged);
  const context: StepContext = {
    ...parts,
    table,
    signal,
    gpuHealth: () => parts.facts.gpuHealth(),
    leaseDeadlineMs: () => wiring.reconciler.leaseDeadlineMs(),
    forgetLog: (containerId) => wiring.shipper.forget(containerId),
  };
  await noteStartTimes(context);
  const wiring: Wiring = {
    parts,
    table,
    reconciler: createReconciler(context, () => wiring.loop.poke("change"), parts.random),
    shipper: createLogShipper({ ...parts, onEnd: (containerId, how) => logEnded(wiring, containerId, how) }),
    loop: createSyncLoop({
      ...parts,
      sync: (aborted) => syncOnce(wiring, aborted),
      onFailure: (error, failures) =>
        parts.log[failures === 1 ? "warn" : "debug"]({ err: error, failures }, "sync failed, will be tried again"),
      onRecovery: (failures) => parts.log.info({ failures }, "syncing again"),
    }),
    diagnostician: createDiagnostician(
      {
        diagnose: parts.diagnose,
        inUse: (uuid) => table.gpuHolders().some(({ gpuUuids }) => (uuid === null ? gpuUuids.length > 0 : gpuUuids.includes(uuid))),
        onResult: () => wiring.loop.poke("change"),
        log: parts.log,
      },
      signal,
    ),
    noticeSickGpus: createSickGpuNotice(parts.log),
    lastSuccessMs: null,
  };
  return wiring;
}

/** An agent that died between the start and its record left no start time: the time limit needs one. */
async function noteStartTimes(context: StepContext): Promise<void> {
  for (const entry of context.table.entries()) {
    const container = context.engine.get(entry.containerId);
    if (container?.state !== "running" || entry.record.runningSinceMs !== null) continue;
    await context.table.update(entry, { runningSinceMs: runningSince(context, container) });
  }
}

async function syncOnce(wiring: Wiring, signal: AbortSignal): Promise<number> {
  const { parts, reconciler, shipper } = wiring;
  const identity = await parts.membership.ensure(signal);
  await noteCheckpoints(wiring);
  const request = syncRequest(wiring, identity.nodeId, parts.facts.current());
  const began = parts.clock.monotonic();
  const answer = await parts.client.sync(request, signal).catch(async (error: unknown) => {
    if (isBerthError(error, "unauthorized")) await parts.membership.rejoin(signal);
    throw error;
  });
  wiring.diagnostician.delivered(request.diagnostics ?? []);
  wiring.diagnostician.ask(answer.diagnose ?? []);
  const now = parts.clock.monotonic();
  parts.metrics.synced((now - began) / 1000);
  const desired = answer.desired.filter((replica) => isNameable(parts.log, replica));
  takeLimits(wiring.table, desired);
  // Only the agent's own send time counts: a slow answer cannot make a lease longer than the control plane believes.
  reconciler.want(desired, request.sentAt + answer.leaseSeconds * 1000);
  if (wiring.lastSuccessMs !== null) shipper.reachable(Math.min(now - wiring.lastSuccessMs, 2_000 * answer.intervalSeconds));
  wiring.lastSuccessMs = now;
  reconciler.look();
  return answer.intervalSeconds * 1000;
}

/** What the jobs have said of their checkpoints since the last sync; the last word of an ended one counts too. */
async function noteCheckpoints({ parts, table }: Wiring): Promise<void> {
  for (const entry of table.entries()) {
    if (entry.record.checkpoint == null) continue;
    entry.checkpointAt = (await parts.engine.checkpointAt(entry.containerId)) ?? entry.checkpointAt;
  }
}

function syncRequest(wiring: Wiring, nodeId: string, facts: NodeFacts): SyncRequest {
  const { parts, table } = wiring;
  const diagnostics = wiring.diagnostician.results();
  return {
    protocol: AGENT_PROTOCOL_VERSION,
    nodeId,
    incarnation: parts.incarnation,
    bootId: parts.bootId,
    sentAt: parts.bootTimeMs(),
    address: parts.address,
    facts,
    replicas: table.reports().map((report) => withPeakGpuMemory(report, parts.peakGpuMemory(containerIdOf(report)))),
    ...(diagnostics.length === 0 ? {} : { diagnostics }),
  };
}

function withPeakGpuMemory(report: ReplicaReport, peakGpuMemoryBytes: number | null): ReplicaReport {
  return report.usage === null || peakGpuMemoryBytes === null ? report : { ...report, usage: { ...report.usage, peakGpuMemoryBytes } };
}

/** The scheduler hears of it at once; who runs on a GPU that fell ill keeps it, and is told. */
function gpusChanged({ parts, table, loop, noticeSickGpus }: Wiring): void {
  for (const { containerId, text } of noticeSickGpus(parts.facts.current().gpus, table.gpuHolders())) {
    const entry = table.get(containerId);
    if (entry) entry.message = text;
  }
  loop.poke("change");
}

/** One nonsense entry must not stop the others. */
function isNameable(log: Logger, replica: DesiredReplica): boolean {
  try {
    containerIdOf(replica);
    return true;
  } catch (error) {
    log.error({ err: error }, "control plane asked for a replica that cannot be named, ignored");
    return false;
  }
}

/** Records of adopted containers may have lost their limits; the control plane's word is the newer anyway. */
function takeLimits(table: ReplicaTable, desired: DesiredReplica[]): void {
  for (const wanted of desired) {
    const entry = table.get(containerIdOf(wanted));
    if (!entry) continue;
    const { timeLimitSeconds, stopGraceSeconds, checkpoint = null } = wanted.spec;
    entry.record = { ...entry.record, timeLimitSeconds, stopGraceSeconds, checkpoint };
    entry.checkpointFirst = wanted.checkpointFirst === true;
  }
}

function containerChanged(wiring: Wiring, container: Container): void {
  const { parts, table, shipper, loop, reconciler } = wiring;
  const entry = table.get(container.id);
  if (!entry) return;
  if (container.state !== "created") shipper.follow(container.id, entry.key, parts.engine.logPath(container.id));
  if (container.state === "exited") {
    shipper.finish(container.id);
    void retireMps({ ...parts, table });
  }
  loop.poke("change");
  reconciler.look();
}

function logEnded(wiring: Wiring, containerId: string, how: "shipped" | "given-up"): void {
  const entry = wiring.table.get(containerId);
  if (!entry) return;
  entry.logs = how;
  if (how === "given-up") wiring.parts.log.warn({ container: containerId }, "log not sent in time, its end is reported without it");
  wiring.loop.poke("change");
}
