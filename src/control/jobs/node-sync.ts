import { BerthError, type Clock, type Job, type NodeRecord } from "../../shared/domain/index.ts";
import { AGENT_PROTOCOL_VERSION, type DesiredReplica, type SyncRequest, type SyncResponse } from "../../shared/wire/index.ts";
import { applyReports, type ChangedJob, endedSomething, tryChange } from "./apply-reports.ts";
import { DEFAULTS } from "./defaults.ts";
import { desiredFor } from "./desired-replicas.ts";
import { applyDiagnostic, dueDiagnostics } from "./diagnostics.ts";
import { chargeNodes } from "./failure-ledger.ts";
import { nodesOf } from "./job-indexes.ts";
import type { JobStore } from "./job-store.ts";
import { absenceKey, absences, concludable, isAbandoned, type NodeMemory, remember, replicaKey } from "./missing-replicas.ts";
import { NO_CONTROLS } from "./node-controls.ts";
import type { NodeStore } from "./node-store.ts";

export interface NodeSyncOptions {
  store: JobStore;
  nodes: NodeStore;
  clock: Clock;
  /** Called when a sync may have made room or work: a new or returned node, an ended job. */
  wakeScheduler: (reason: string) => void;
  /** Called for the other nodes of a gang that must stop because of this sync. */
  nudgeNode: (nodeId: string) => void;
  leaseSeconds?: number;
  graceSeconds?: number;
  intervalSeconds?: number;
  /** Seconds before what is in quarantine is looked at; 0 never looks: an operator releases it. */
  diagnoseAfterSeconds?: number;
}

/** The whole of POST /agent/v1/sync behind authentication: keep one for each process. */
export interface NodeSync {
  /**
   * Records the node, applies its reports and answers what it must run.
   * @throws BerthError node_not_found; conflict for an outdated sync; invalid_request for another protocol; redis_unavailable
   */
  sync(request: SyncRequest): Promise<SyncResponse>;
}

/** `leaseSeconds` must be the schedule loop's own: a node counts as lost when its lease and grace are over. */
export function createNodeSync(options: NodeSyncOptions): NodeSync {
  const { store, nodes, clock, leaseSeconds = DEFAULTS.lease, graceSeconds = DEFAULTS.grace, intervalSeconds = DEFAULTS.sync } = options;
  const { diagnoseAfterSeconds = DEFAULTS.diagnoseAfter } = options;
  const lostMs = (leaseSeconds + graceSeconds) * 1000;
  const memories = new Map<string, NodeMemory>();

  /** Ends absent replicas whose time has come. */
  const concludeAbsences = async (request: SyncRequest, jobs: readonly Job[]): Promise<ChangedJob[]> => {
    const over = concludable(absences(request.nodeId, jobs, request), memories.get(request.nodeId), clock.monotonic(), lostMs);
    // The rows were read after this sync was recorded. If it is still the node's last, no later report can have touched
    // them, and what they say is what this report should have named.
    if (over.length === 0 || (await nodes.lastSentAt(request.nodeId)) !== request.sentAt) return [];
    const changes = over.map(({ jobId, epoch, replica: { rank, state } }) => {
      const cause = state === "running" ? ("lost" as const) : ("stopped" as const);
      return tryChange(
        store,
        jobId,
        { type: "replica-missing", epoch, rank, cause, why: `${request.nodeId} has no trace of rank ${rank}` },
        clock.now(),
      );
    });
    return (await Promise.all(changes)).filter((change) => change !== null);
  };

  const takeDiagnostics = async ({ nodeId, diagnostics = [] }: SyncRequest, recorded: NodeRecord): Promise<NodeRecord> => {
    if (diagnostics.length === 0) return recorded;
    const now = clock.now();
    const { controls = NO_CONTROLS } = await nodes.control(nodeId, (before) =>
      diagnostics.reduce((controls, result) => applyDiagnostic(controls, result, now), before),
    );
    if (controls.quarantines.length < (recorded.controls?.quarantines.length ?? 0))
      options.wakeScheduler(`a quarantine on ${nodeId} is over`);
    return { ...recorded, controls };
  };

  const tellOthers = (request: SyncRequest, changed: readonly ChangedJob[]) => {
    const ended = changed.filter(endedSomething);
    for (const { before } of ended) for (const nodeId of nodesOf(before)) if (nodeId !== request.nodeId) options.nudgeNode(nodeId);
    if (ended.length > 0) options.wakeScheduler(`jobs ended on ${request.nodeId}`);
  };

  const sync = async (request: SyncRequest): Promise<SyncResponse> => {
    if (request.protocol !== AGENT_PROTOCOL_VERSION) {
      throw new BerthError(
        "invalid_request",
        `agent protocol ${request.protocol} is not ${AGENT_PROTOCOL_VERSION}; install the same version of Berth`,
      );
    }
    const recorded = await nodes.recordSync(request, clock.now());
    const node = await takeDiagnostics(request, recorded);
    const changed = await applyReports(store, request, clock.now());
    changed.push(...(await concludeAbsences(request, await store.onNode(node.id))));
    await chargeNodes(nodes, changed);
    const jobs = await store.onNode(node.id);
    const absent = absences(node.id, jobs, request);
    const abandoned = new Set(absent.filter(isAbandoned).map(absenceKey));
    const desired = desiredFor(node, jobs).map(
      (replica): DesiredReplica =>
        abandoned.has(replicaKey(replica.jobId, replica.epoch, replica.rank)) ? { ...replica, action: "stop" } : replica,
    );
    const known = memories.get(node.id);
    memories.set(node.id, remember(request.incarnation, known, absent, clock.monotonic()));
    if (known?.incarnation !== request.incarnation || node.state === "lost") options.wakeScheduler(`${node.id} has come or returned`);
    tellOthers(request, changed);
    const due = diagnoseAfterSeconds > 0 ? dueDiagnostics(node.controls, clock.now(), diagnoseAfterSeconds * 1000) : [];
    return { echo: request.sentAt, leaseSeconds, intervalSeconds, desired, ...(due.length === 0 ? {} : { diagnose: due }) };
  };

  return { sync };
}
