import { type Clock, errorText, type Job, pause } from "../../shared/domain/index.ts";
import { type ClusterSnapshot, type PlacementKinds, type Plan, type PreemptionKind, SERVICE_POLICY } from "../scheduler/index.ts";
import type { ArrayStore } from "./arrays/array-store.ts";
import { tendArrays } from "./arrays/tend-arrays.ts";
import { commitPlacements, commitPreemptions, type LoopLog, writeReasons } from "./commit-plan.ts";
import { commitPromises } from "./commit-promises.ts";
import { DEFAULTS } from "./defaults.ts";
import { fencedStore } from "./fenced-store.ts";
import { nodesOf } from "./job-indexes.ts";
import type { JobStore } from "./job-store.ts";
import type { Leader } from "./leader.ts";
import { createLiveQueue, type LiveView } from "./live-queue.ts";
import { createMoveLedger } from "./move-ledger.ts";
import type { NodeStore } from "./node-store.ts";
import type { ProjectStore } from "./project-store.ts";
import { createQueueStanding } from "./queue-standing.ts";
import type { ReservationStore } from "./reservation-store.ts";
import { createServiceTracker } from "./service-tracker.ts";
import { createSnapshotMemory } from "./snapshot-memory.ts";
import { createNodeWatch } from "./watch-nodes.ts";
import { watchedStore } from "./watched-store.ts";

export interface ScheduleLoopOptions {
  store: JobStore;
  nodes: NodeStore;
  /** Absent: there are no arrays. */
  arrays?: ArrayStore;
  /** "service" starts first what is likely to end soon, by the history of like jobs; absent is fair share. */
  queueing?: "fair" | "service";
  /** Running jobs that may be moved within an hour, so that others can start; absent moves none. */
  movesPerHour?: number;
  /** Absent packs everywhere. */
  placement?: PlacementKinds;
  /** Jobs to be left out of a pass for now, because what is known of them is not all. Absent: none. */
  isHeld?: (job: Job, now: number) => boolean;
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
  /** Called for each job that was told to stop for another, once that is written. */
  onPreempted?: (kind: PreemptionKind) => void;
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
  let past = rememberPast(options);
  const watch = createNodeWatch(options.store, options.nodes, clock, patience);
  const live = createLiveQueue(options.store, clock);
  const memory = createSnapshotMemory();
  const watched = watchedStore(options.store, live);
  let lastFence: number | undefined;
  let refusedBefore: ReadonlySet<string> = new Set();
  const ledger = createMoveLedger();
  const defragment = (view: LiveView, now: number) =>
    options.movesPerHour === undefined
      ? {}
      : { defragment: { movesPerHour: options.movesPerHour, movesLastHour: ledger.count([...view.pending, ...view.active], now) } };
  const released = (pending: readonly Job[], now: number) =>
    pending.filter((job) => options.isHeld === undefined || !options.isHeld(job, now));
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
    // Another has led meanwhile: nothing that is remembered counts.
    if (fence !== lastFence) {
      live.reload();
      past = rememberPast(options);
    }
    lastFence = fence;
    const store = fence === undefined ? watched : fencedStore(watched, fence);
    const { nodes, lost, touched } = await watch.look();
    const now = clock.now();
    const tended = await tendArrays({ jobs: store, arrays: options.arrays, now, fence, isHeld: options.isHeld });
    const view = await live.look();
    const projects = (await past.standing?.look(nodes, view.active, now)) ?? [];
    const reservations = (await options.reservations?.list()) ?? [];
    const rows: ClusterSnapshot = {
      ...memory.view(nodes, released(view.pending, now), view.active),
      ...(projects.length === 0 ? {} : { projects }),
      ...(reservations.length === 0 ? {} : { reservations }),
      ...(options.placement === undefined ? {} : { placement: options.placement }),
    };
    const snapshot = (await past.service?.look([...view.pending, ...view.active], { ...rows, queueing: SERVICE_POLICY }, now)) ?? rows;
    const plan = options.decide({ ...snapshot, ...defragment(view, now) }, now);
    const { placed, refused } = await commitPlacements(store, view, plan.placements, now, log);
    // Twice the same row: whatever was to tell of its change has not.
    if ([...refused].some((row) => refusedBefore.has(row))) live.reload();
    refusedBefore = refused;
    const overtaken = refused.size > 0;
    const withdrawn = overtaken ? new Set() : await commitPromises(store, view, plan, now);
    const preemptions = overtaken ? [] : plan.preemptions.filter(({ forJobId }) => !withdrawn.has(forJobId));
    const stopped = await commitPreemptions(store, view, preemptions, now, options);
    const reasonsWritten = await writeReasons(store, view, plan.reasons, now);
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
      await pause(clock, intervalSeconds * 1000, AbortSignal.any([signal, interrupt.signal]));
    }
  };

  return { run, wake, pass };
}

/** What a leader adds to from pass to pass: usage of projects, length of jobs. */
function rememberPast({ projects, queueing, store }: ScheduleLoopOptions) {
  return {
    standing: projects === undefined ? undefined : createQueueStanding(projects),
    service: queueing === "service" ? createServiceTracker(store) : undefined,
  };
}
