import { type Clock, errorText, isBerthError, type Job } from "../../shared/domain/index.ts";
import {
  type ClusterSnapshot,
  type PendingReason,
  type Placement,
  type Plan,
  type Preemption,
  SERVICE_POLICY,
} from "../scheduler/index.ts";
import type { ArrayStore } from "./arrays/array-store.ts";
import { tendArrays } from "./arrays/tend-arrays.ts";
import { commitPromises } from "./commit-promises.ts";
import { DEFAULTS } from "./defaults.ts";
import { fencedStore } from "./fenced-store.ts";
import { nodesOf } from "./job-indexes.ts";
import type { JobStore, QueueView } from "./job-store.ts";
import type { Leader } from "./leader.ts";
import type { NodeStore } from "./node-store.ts";
import type { ProjectStore } from "./project-store.ts";
import { createQueueStanding } from "./queue-standing.ts";
import type { ReservationStore } from "./reservation-store.ts";
import { createServiceTracker } from "./service-tracker.ts";
import { snapshotOf } from "./snapshot-of.ts";
import { applyEvent } from "./transition.ts";
import { createNodeWatch } from "./watch-nodes.ts";

/** Pending jobs a pass looks at: the head of the queue in order. */
const PENDING_A_PASS = 5000;
/** Reasons written a pass; the rest follow in the next ones. */
const REASONS_A_PASS = 500;

/** What the loop needs of a logger (pino fits). */
export interface LoopLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface ScheduleLoopOptions {
  store: JobStore;
  nodes: NodeStore;
  /** Absent: there are no arrays. */
  arrays?: ArrayStore;
  /** "service" starts first what is likely to end soon, by the history of like jobs; absent is fair share. */
  queueing?: "fair" | "service";
  /** Absent: jobs go by priority and age. */
  projects?: ProjectStore;
  /** Absent: nothing is reserved. */
  reservations?: Pick<ReservationStore, "list">;
  decide: (snapshot: ClusterSnapshot, now: number) => Plan;
  /** Only the leader's passes do anything. Absent: this is the only control plane. */
  leader?: Pick<Leader, "fence">;
  /** Hints only: never rejects. */
  queues: { nudgeNode(nodeId: string): Promise<void> };
  clock: Clock;
  /** See DEFAULTS for these. */
  leaseSeconds?: number;
  graceSeconds?: number;
  suspectSeconds?: number;
  intervalSeconds?: number;
  log?: LoopLog;
}

export interface PassResult {
  placed: Job[];
  /** Nodes newly found lost. */
  lost: string[];
  reasonsWritten: number;
}

export interface ScheduleLoop {
  /** Runs passes until the signal aborts; a pass that fails is logged and tried again. */
  run(signal: AbortSignal): Promise<void>;
  /** Asks for a pass soon; many calls make one pass. */
  wake(): void;
  /** One pass now; one at a time. */
  pass(): Promise<PassResult>;
}

/**
 * Level-triggered: every pass starts from the whole state, so a lost wake-up only delays. Only the leader's does
 * anything; should two believe that they lead, a placement is refused when it was decided under an older fence, or when
 * another came in since the snapshot, so they cannot overcommit a node together.
 */
export function createScheduleLoop(options: ScheduleLoopOptions): ScheduleLoop {
  const { clock, queues, log } = options;
  const {
    leaseSeconds = DEFAULTS.lease,
    graceSeconds = DEFAULTS.grace,
    suspectSeconds = DEFAULTS.suspect,
    intervalSeconds = DEFAULTS.pass,
  } = options;
  const patience = { suspectMs: suspectSeconds * 1000, lostMs: (leaseSeconds + graceSeconds) * 1000 };
  const standing = options.projects === undefined ? undefined : createQueueStanding(options.projects);
  const service = options.queueing === "service" ? createServiceTracker(options.store) : undefined;
  const watch = createNodeWatch(options.store, options.nodes, clock, patience);
  let interrupt = new AbortController();
  let woken = false;

  const wake = () => {
    woken = true;
    interrupt.abort();
  };

  const pass = async (): Promise<PassResult> => {
    // Read once: what this pass decides is committed as the leader it was when it began, or not at all.
    const fence = options.leader?.fence();
    if (fence === null) return { placed: [], lost: [], reasonsWritten: 0 };
    const store = fence === undefined ? options.store : fencedStore(options.store, fence);
    const { nodes, lost, touched } = await watch.look();
    const now = clock.now();
    const tended = await tendArrays({ jobs: store, arrays: options.arrays, now, fence });
    const view = await store.queue(PENDING_A_PASS);
    const projects = (await standing?.look(nodes, view.active, now)) ?? [];
    const rows = snapshotOf(nodes, view, projects, await options.reservations?.list());
    const snapshot = (await service?.look([...view.pending, ...view.active], { ...rows, queueing: SERVICE_POLICY }, now)) ?? rows;
    const plan = options.decide(snapshot, now);
    const { placed, overtaken } = await commitPlacements(store, view, plan.placements, now, log);
    const promised = overtaken ? { pending: view.pending, refused: new Set() } : await commitPromises(store, view.pending, plan, now);
    const preemptions = overtaken ? [] : plan.preemptions.filter(({ forJobId }) => !promised.refused.has(forJobId));
    const stopped = await commitPreemptions(store, view, preemptions, now, log);
    const reasonsWritten = await writeReasons(store, promised.pending, plan.reasons, now);
    // An array whose tasks have begun has rows to make for those behind them.
    if (overtaken || placed.some(({ task }) => task !== undefined)) wake();
    const nudged = new Set([...placed, ...stopped, ...touched, ...tended.stopped].flatMap(nodesOf));
    await Promise.all([...nudged].map((nodeId) => queues.nudgeNode(nodeId)));
    for (const nodeId of lost) log?.warn({ nodeId }, "node is lost");
    return { placed, lost, reasonsWritten };
  };

  const run = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      woken = false;
      try {
        await pass();
      } catch (error) {
        log?.warn({ error: errorText(error) }, "scheduling pass failed");
      }
      if (woken || signal.aborted) continue;
      interrupt = new AbortController();
      // Ends early by a wake-up or by the end of the loop; both are seen above.
      await clock.sleep(intervalSeconds * 1000, AbortSignal.any([signal, interrupt.signal])).catch(() => {});
    }
  };

  return { run, wake, pass };
}

/** Row by row, each under the revision of the snapshot; stops when somebody else has placed in between. */
async function commitPlacements(store: JobStore, view: QueueView, placements: readonly Placement[], now: number, log: LoopLog | undefined) {
  const rows = new Map(view.pending.map((job) => [job.id, job]));
  const placed: Job[] = [];
  for (const { jobId, assignments } of placements) {
    const job = rows.get(jobId);
    if (job === undefined) continue;
    try {
      placed.push(await store.commit(job, applyEvent(job, { type: "placed", assignments }, now), now, view.revision + placed.length));
    } catch (error) {
      if (!isBerthError(error, "conflict")) throw error;
      // Cancelled in the meantime, or the plan is outdated: the next pass starts from what is true then.
      log?.info({ jobId, reason: error.message }, "placement refused");
      return { placed, overtaken: true };
    }
  }
  return { placed, overtaken: false };
}

/** Only the attempt the plan saw is stopped: what has ended or changed in between is left alone. */
async function commitPreemptions(
  store: JobStore,
  view: QueueView,
  preemptions: readonly Preemption[],
  now: number,
  log: LoopLog | undefined,
) {
  const rows = new Map(view.active.map((job) => [job.id, job]));
  const stopped: Job[] = [];
  for (const { jobId, reason } of preemptions) {
    const job = rows.get(jobId);
    if (job?.attempt == null) continue;
    const transition = applyEvent(job, { type: "preempted", epoch: job.attempt.epoch, why: reason }, now);
    if (transition.job === job) continue;
    try {
      stopped.push(await store.commit(job, transition, now));
      log?.info({ jobId, reason }, "job preempted");
    } catch (error) {
      if (!isBerthError(error, "conflict")) throw error;
    }
  }
  return stopped;
}

async function writeReasons(store: JobStore, pending: readonly Job[], reasons: readonly PendingReason[], now: number): Promise<number> {
  const rows = new Map(pending.map((job) => [job.id, job]));
  const changed = reasons.flatMap(({ jobId, reason }) => {
    const job = rows.get(jobId);
    return job === undefined || job.pendingReason === reason ? [] : [{ job, reason }];
  });
  const written = await Promise.all(
    changed.slice(0, REASONS_A_PASS).map(async ({ job, reason }) => {
      try {
        await store.commit(job, applyEvent(job, { type: "pending-reason", reason }, now), now);
        return 1;
      } catch (error) {
        if (isBerthError(error, "conflict")) return 0;
        throw error;
      }
    }),
  );
  return written.reduce<number>((sum, one) => sum + one, 0);
}
