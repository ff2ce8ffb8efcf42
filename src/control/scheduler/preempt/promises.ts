import type { RoomPromise } from "../../../shared/domain/index.ts";
import { type Cycle, promiseRoom } from "../cycle.ts";
import { count, listed } from "../explain/words.ts";
import type { OrderedQueue } from "../order/order-queue.ts";
import { indexCandidates } from "../place/candidate-index.ts";
import { placeGang } from "../place/place-gang.ts";
import type { PendingJob, Placement, Plan, Preemption } from "../snapshot.ts";
import type { LeavingJobs } from "./leaving-jobs.ts";

/** Beyond the longest grace: a node that falls silent meanwhile is known to be lost, and its jobs gone, long before. */
const MARGIN_MS = 5 * 60_000;

/** What is being made on these nodes, until those that stop there (and those about to) must have ended. */
export function newPromise(leaving: LeavingJobs, nodeIds: readonly string[], preemptions: readonly Preemption[], now: number): RoomPromise {
  const graces = leaving.on(nodeIds, preemptions).map(({ stopGraceMs = 0 }) => stopGraceMs);
  const moves = preemptions.some((preemption) => preemption.kind === "move") ? { moves: true } : {};
  return { nodeIds: [...nodeIds], madeAt: now, until: now + Math.max(0, ...graces) + MARGIN_MS, ...moves };
}

/** Either side of the moment it was made: clocks that are set back must not make it last for ever. */
export function isLive({ madeAt, until }: RoomPromise, now: number): boolean {
  return Math.abs(now - madeAt) < until - madeAt;
}

/**
 * Before anybody else, jobs that others were stopped for: each starts in its room, or keeps it while those still stop who
 * must leave. A promise ends unkept when its time is over, when the guarantee no longer covers the job, or when the room
 * will not do any more; the job is then one like the others.
 */
export function keepPromises(cycle: Cycle): Placement[] {
  const { snapshot, now, queue, pass, roomMaker } = cycle;
  const placements: Placement[] = [];
  if (roomMaker === null || snapshot.queueing?.kind === "service") return placements;
  for (const { job, promise } of promisedJobs(queue)) {
    if (!isLive(promise, now) || !isOwed(cycle, job, promise) || queue.overLimit(job) !== null) continue;
    const request = pass.classOf(job);
    const room = request.admitted.filter(({ node }) => promise.nodeIds.includes(node.id));
    const assignments = placeGang(
      () => room,
      () => indexCandidates(room, request, []),
      request,
      job.id,
      pass.changed,
    );
    if (assignments !== null) {
      placements.push({ jobId: job.id, assignments });
      roomMaker.placed(job, assignments);
      queue.placed(job);
    } else if (roomMaker.keepRoomFor(job, request, room)) promiseRoom(cycle, job, promise);
  }
  return placements;
}

/** By its project's right as long as that covers it; by a move as long as the operator wants moves. */
function isOwed({ queue, snapshot }: Cycle, job: PendingJob, { moves }: RoomPromise): boolean {
  return moves === true ? snapshot.defragment !== undefined : queue.withinGuarantee(job);
}

/** Whoever was promised first. */
function promisedJobs(queue: OrderedQueue): { job: PendingJob; promise: RoomPromise }[] {
  return queue
    .promised()
    .flatMap((job) => (job.promise === undefined ? [] : [{ job, promise: job.promise }]))
    .sort((one, other) => one.promise.madeAt - other.promise.madeAt || (one.job.id < other.job.id ? -1 : 1));
}

/** The jobs with what the plan promises them, and with nothing else: as the next snapshot must have them. */
export function givePromises(pending: readonly PendingJob[], { promises }: Pick<Plan, "promises">): PendingJob[] {
  const given = new Map(promises.map(({ jobId, ...promise }) => [jobId, promise]));
  return pending.map((job) => {
    const promise = given.get(job.id);
    if (promise !== undefined) return { ...job, promise };
    if (job.promise === undefined) return job;
    const { promise: _over, ...rest } = job;
    return rest;
  });
}

/** "room is being made on a and b: waits until jobs 4 and 5 have stopped". `preemptions` are all of the plan so far. */
export function promiseText(leaving: LeavingJobs, { nodeIds }: RoomPromise, preemptions: readonly Preemption[]): string {
  const jobs = leaving.on(nodeIds, preemptions).map(({ id }) => id);
  const nodes = listed(nodeIds.map(leaving.nameOf), 5);
  return `room is being made for it on ${nodes}: waits until ${count(jobs.length, "job")} stopped (${listed(jobs, 5)})`;
}
