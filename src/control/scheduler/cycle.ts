import type { RoomPromise } from "../../shared/domain/index.ts";
import type { CycleMemory } from "./incremental/cycle-memory.ts";
import { type OrderedQueue, orderQueue } from "./order/order-queue.ts";
import { DEFAULT_PROJECT } from "./order/project-tree.ts";
import { type Pass, startPass } from "./pass.ts";
import { createRoomMaker, type RoomMaker } from "./preempt/make-room.ts";
import { NO_PREEMPTION, preemptionRules } from "./preempt/may-preempt.ts";
import type { ClusterSnapshot, PendingJob } from "./snapshot.ts";
import { type Ending, endings } from "./time/reserve.ts";

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
  ends: readonly Ending[];
  reservations: number;
  /** Job id -> the room promised to it, as the plan tells it. */
  promises: Map<string, RoomPromise>;
  /** Project -> its job that others are being stopped for. */
  awaited: Map<string, string>;
  /** Request -> the shortest time limit that could not be backfilled: longer ones cannot either. */
  noGap: Map<string, number>;
}

export function startCycle(snapshot: ClusterSnapshot, now: number, memory: CycleMemory | undefined): Cycle {
  const queue = orderQueue(snapshot, now, memory?.buckets);
  const pass = startPass(snapshot, memory);
  const rules = preemptionRules(snapshot, queue, now);
  const keeps = rules ?? (snapshot.defragment === undefined ? null : NO_PREEMPTION);
  const roomMaker = keeps === null ? null : createRoomMaker(snapshot, keeps, pass.free);
  const ends = endings(snapshot.active);
  return {
    ...{ snapshot, now, queue, pass, roomMaker, ends, reservations: 0 },
    ...{ preempts: rules !== null, moveTries: 0, promises: new Map(), awaited: new Map(), noGap: new Map() },
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
