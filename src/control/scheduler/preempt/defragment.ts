import type { Cycle } from "../cycle.ts";
import type { FreeNode } from "../feasible/free-capacity.ts";
import type { Request } from "../feasible/request.ts";
import type { Pass, RequestClass } from "../pass.ts";
import { indexCandidates } from "../place/candidate-index.ts";
import { placeGang } from "../place/place-gang.ts";
import type { ActiveJob, PendingJob, Placement, Preemption } from "../snapshot.ts";
import { chooseVictims } from "./choose-victims.ts";
import { copyNodes, type FutureNodes, giveBack } from "./give-back.ts";
import type { Room } from "./make-room.ts";
import { gpuSecondsLost, gpusOf } from "./may-preempt.ts";
import { victimsByNode } from "./victims-by-node.ts";

/** A job waits this long before others are moved for it: most find room sooner by themselves. */
const WAITED_MS = 5 * 60_000;
/** A job that was moved, or has just started, is left alone so long: no two jobs are moved to and fro. */
const REST_MS = 3_600_000;
/** Only a job whose last checkpoint is younger is moved: little is computed again. */
const FRESH_MS = 10 * 60_000;
/** Waiting jobs of a pass that moves are tried for: each try costs a walk over the nodes. */
const TRIES_A_PASS = 4;

/**
 * The cheapest jobs whose move to free GPUs elsewhere lets the waiting job start: where it starts then, and who moves. Null
 * when nobody may or need move, or when one of them would not find room elsewhere at once. Every GPU that was in use stays in
 * use afterwards, and the waiting job's come on top: a move never leaves the cluster more fragmented than it found it.
 */
export function moveOthers(cycle: Cycle, request: RequestClass, job: PendingJob): Room | null {
  const { snapshot, now, pass, promises } = cycle;
  const policy = snapshot.defragment;
  if (policy === undefined || snapshot.queueing?.kind === "service" || now - job.queuedAt < WAITED_MS) return null;
  // One move at a time: what the last one leads to is seen first.
  if (!mayStillMove(cycle) || [...promises.values()].some(({ moves }) => moves === true)) return null;
  const movable = movableJobs(cycle).filter((other) => (other.priority ?? 0) <= job.priority);
  if (movable.length === 0) return null;
  cycle.moveTries += 1;
  const byId = pass.byId();
  const victims = victimsByNode(movable, (other) => gpuSecondsLost(other, now), byId);
  const entries = pass.openNodes(request);
  const moved =
    chooseVictims({ entries, byId, victims, allowed: () => true, strength: Number.POSITIVE_INFINITY }, request)?.map(
      ({ job: other }) => other,
    ) ?? null;
  if (moved === null || moved.length === 0 || moved.length > policy.movesPerHour - policy.movesLastHour) return null;
  const nodes = copyNodes(pass.free.filter(({ node }) => !pass.held.has(node.id)));
  for (const other of moved) giveBack(nodes, other);
  const room = book(nodes, pass.openNodes(request), request, job.id);
  if (room === null) return null;
  const nodeIds = [...new Set(room.map(({ nodeId }) => nodeId))];
  // Elsewhere is room that is free now: what one of them leaves does not count for the next.
  const elsewhere = copyNodes(pass.free.filter(({ node }) => !pass.held.has(node.id) && !nodeIds.includes(node.id)));
  if (!moved.sort(largestFirst).every((other) => goesOn(cycle, elsewhere, other))) return null;
  cycle.leaving.ask(moved);
  const reason = `it goes on elsewhere, so that job ${job.id} can start here`;
  return { preemptions: moved.map(({ id }): Preemption => ({ jobId: id, forJobId: job.id, reason, kind: "move" })), nodeIds };
}

/**
 * Right after those whom room was promised: jobs on the move start again, and for those that still stop room is taken as if
 * they ran there already, so that nobody slips in before them.
 */
export function keepMoved(cycle: Cycle): Placement[] {
  const { snapshot, now, queue, pass } = cycle;
  if (snapshot.defragment === undefined) return [];
  const onTheMove = snapshot.pending.filter(({ movedAt }) => movedAt !== undefined && now - movedAt < REST_MS);
  const placements = onTheMove.sort(firstMoved).flatMap((job): Placement[] => {
    const assignments = queue.overLimit(job) === null ? bookInPass(pass, job) : null;
    if (assignments === null) return [];
    cycle.roomMaker?.placed(job, assignments);
    queue.placed(job);
    return [{ jobId: job.id, assignments }];
  });
  for (const { stopping, movedAt, again } of snapshot.active) {
    if (stopping === true && movedAt !== undefined && again !== undefined) bookInPass(pass, again);
  }
  return placements;
}

/** After the promise to the waiting job: its nodes are held, so what is booked lies elsewhere. */
export function bookMoved({ snapshot, pass }: Cycle, preemptions: readonly Preemption[]): void {
  const moved = new Set(preemptions.map(({ jobId }) => jobId));
  for (const { id, again } of [...snapshot.active].sort(largestFirst)) if (moved.has(id) && again !== undefined) bookInPass(pass, again);
}

function bookInPass(pass: Pass, job: PendingJob) {
  const request = pass.classOf(job);
  const entries = pass.openNodes(request);
  return placeGang(
    () => entries,
    () => indexCandidates(entries, request, []),
    request,
    job.id,
    pass.changed,
  );
}

function firstMoved(one: PendingJob, other: PendingJob): number {
  return (one.movedAt ?? 0) - (other.movedAt ?? 0) || (one.id < other.id ? -1 : 1);
}

/** False when nothing is moved for any further job of the pass. */
export function mayStillMove(cycle: Cycle): boolean {
  return cycle.snapshot.defragment !== undefined && cycle.moveTries < TRIES_A_PASS && movableJobs(cycle).length > 0;
}

function movableJobs(cycle: Cycle): readonly ActiveJob[] {
  cycle.movable ??= cycle.snapshot.active.filter((other) => mayMove(other, cycle.now));
  return cycle.movable;
}

function mayMove(other: ActiveJob, now: number): boolean {
  const { startedAt, checkpointAt, movedAt = 0, again, stopping } = other;
  if (again === undefined || stopping === true || startedAt === undefined || checkpointAt === undefined) return false;
  if (now - Math.max(startedAt, movedAt) < REST_MS || gpusOf(other) === 0) return false;
  return checkpointAt >= startedAt && now - checkpointAt < FRESH_MS;
}

/** All its replicas find room in what is left, and are booked there. */
function goesOn({ pass }: Cycle, nodes: FutureNodes, other: ActiveJob): boolean {
  if (other.again === undefined) return false;
  const own = pass.classOf(other.again);
  const places = book(nodes, pass.openNodes(own), own, other.id);
  return places !== null && places.length >= other.assignments.length;
}

function book(nodes: FutureNodes, open: readonly FreeNode[], request: Request, jobId: string) {
  const entries = open.flatMap(({ node }) => nodes.get(node.id) ?? []);
  return placeGang(
    () => entries,
    () => indexCandidates(entries, request, []),
    request,
    jobId,
    [],
  );
}

function largestFirst(one: ActiveJob, other: ActiveJob): number {
  return gpusOf(other) - gpusOf(one) || (one.id < other.id ? -1 : 1);
}
