import type { RoomPromise } from "../../shared/domain/index.ts";
import { activeLists } from "./incremental/active-lists.ts";
import type { CycleMemory } from "./incremental/cycle-memory.ts";
import { type OrderedQueue, orderQueue } from "./order/order-queue.ts";
import { DEFAULT_PROJECT } from "./order/project-tree.ts";
import { type Pass, startPass } from "./pass.ts";
import { type LeavingJobs, leavingJobs } from "./preempt/leaving-jobs.ts";
import { createRoomMaker, type RoomMaker } from "./preempt/make-room.ts";
import { NO_PREEMPTION, preemptionRules } from "./preempt/may-preempt.ts";
import type { ActiveJob, ClusterSnapshot, PendingJob } from "./snapshot.ts";

/** What the steps of one decision share. */
export interface Cycle {
  snapshot: ClusterSnapshot;
  now: number;
  queue: OrderedQueue;
  pass: Pass;
  roomMaker: RoomMaker | null;
  /** Some job may push others out. */
  preempts: boolean;
  /** Jobs that others' moves were tried for. */
  moveTries: number;
  /** Running jobs that may be moved for one that waits; null until somebody asks. */
  movable: readonly ActiveJob[] | null;
  leaving: LeavingJobs;
  /** The running jobs with a time limit, the first to end first. */
  ends: readonly ActiveJob[];
  reservations: number;
  /** Job id -> the room promised to it, as the plan tells it. */
  promises: Map<string, RoomPromise>;
  /** Project -> its job that others are being stopped for. */
  awaited: Map<string, string>;
  /** Request -> the shortest time limit that could not be backfilled: longer ones cannot either. */
  noGap: Map<string, number>;
}

/**
 * Reads the snapshot and, where there is one, the memory of the cycle before; changes neither the snapshot nor what it
 * holds.
 */
export function startCycle(snapshot: ClusterSnapshot, now: number, memory: CycleMemory | undefined): Cycle {
  const queue = orderQueue(snapshot, now, memory);
  const pass = startPass(snapshot, memory);
  const active = memory?.active(snapshot.active) ?? activeLists(snapshot.active);
  const leaving = leavingJobs(snapshot, active.stopping);
  const rules = preemptionRules(snapshot, queue, now, active.byRight);
  const keeps = rules ?? (snapshot.defragment === undefined ? null : NO_PREEMPTION);
  const roomMaker = keeps === null ? null : createRoomMaker(snapshot, keeps, pass.free, leaving);
  return {
    ...{ snapshot, now, queue, pass, roomMaker, ends: active.ending(), reservations: 0 },
    ...{
      preempts: rules !== null,
      moveTries: 0,
      movable: null,
      leaving,
      promises: new Map(),
      awaited: new Map(),
      noGap: new Map(),
    },
  };
}

/** From here on the job's room is its own. It counts as started: the next of its project must not stop others for the same part of the quota. */
export function promiseRoom({ pass, queue, promises, awaited, now }: Cycle, job: PendingJob, promise: RoomPromise): void {
  pass.hold(job, promise.nodeIds, now);
  queue.placed(job);
  promises.set(job.id, promise);
  // Who was moved for it may be of its project, and must not wait for it.
  if (promise.moves !== true) awaited.set(job.project ?? DEFAULT_PROJECT, job.id);
}
