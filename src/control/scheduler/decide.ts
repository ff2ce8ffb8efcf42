import type { Assignment } from "../../shared/domain/index.ts";
import { type Cycle, promiseRoom, startCycle } from "./cycle.ts";
import { explainPending } from "./explain/explain-pending.ts";
import type { CycleMemory } from "./incremental/cycle-memory.ts";
import type { OrderedQueue } from "./order/order-queue.ts";
import { DEFAULT_PROJECT } from "./order/project-tree.ts";
import type { Pass, RequestClass } from "./pass.ts";
import { indexCandidates } from "./place/candidate-index.ts";
import { placeGang } from "./place/place-gang.ts";
import { bookMoved, keepMoved, mayStillMove, moveOthers } from "./preempt/defragment.ts";
import { keepPromises, newPromise, promiseText } from "./preempt/promises.ts";
import type { ClusterSnapshot, PendingJob, PendingKind, PendingReason, Plan, Preemption } from "./snapshot.ts";
import { type Reservation, reserve, reserveFromKnown } from "./time/reserve.ts";
import { withWindows } from "./time/windows.ts";

/** A job that waited this long holds back those behind it. */
export const HOLD_BACK_AFTER_MS = 10 * 60_000;

/** Reservations of a pass: each costs a walk over the nodes. */
const MOST_RESERVATIONS = 16;

/**
 * One scheduling pass. Pure: the same snapshot and time give the same plan. `memory` only saves work and changes nothing
 * (see incremental/).
 *
 * The rule: strict order (see order/), and a job that does not fit now is skipped, so smaller ones behind it may start:
 * GPUs never idle for order's sake. Skipping alone would let a stream of small jobs starve a large gang for ever, so:
 * - a job that may push others out (see preempt/) asks them to stop, and what they leave is promised to it;
 * - where time limits tell when it can start, the first waiting jobs reserve their nodes for that moment, and only jobs
 *   that end before it are placed there (conservative backfill: nothing behind delays it); those behind them wait for theirs;
 * - where they do not, a job that has waited HOLD_BACK_AFTER_MS holds every ready node it could ever use: the nodes drain
 *   and the gang starts. Known cost: held GPUs idle while the last jobs on them finish.
 */
export function decide(asked: ClusterSnapshot, now: number, memory?: CycleMemory): Plan {
  const snapshot = withWindows(asked, now);
  const cycle = startCycle(snapshot, now, memory);
  const { queue, pass } = cycle;
  const plan: Plan = { placements: [...keepPromises(cycle), ...keepMoved(cycle)], reasons: [], preemptions: [], promises: [] };
  const started = new Set(plan.placements.map(({ jobId }) => jobId));
  let position = 0;
  for (let job = queue.next(); job !== undefined; job = queue.next(), position += 1) {
    if (started.has(job.id)) continue;
    const refused = cycle.promises.has(job.id) ? null : mustWait(cycle, job);
    if (refused !== null) {
      tell(plan, job, refused, position >= pass.precise ? queue : null);
      continue;
    }
    const request = pass.classOf(job, queue.key());
    if (isSettled(cycle, request, job)) {
      tell(plan, job, request.settled, position >= pass.precise ? queue : null);
      continue;
    }
    const assignments = tryToPlace(pass, request, job) ?? tryToBackfill(cycle, request, job);
    if (assignments === null) {
      wait(cycle, plan, request, job, position);
      continue;
    }
    plan.placements.push({ jobId: job.id, assignments });
    cycle.roomMaker?.placed(job, assignments);
    // Whom room was promised counts already; it found other room, and what it leaves is free in the next pass.
    if (!cycle.promises.delete(job.id)) queue.placed(job);
  }
  plan.promises = [...cycle.promises].map(([jobId, promise]) => ({ jobId, ...promise }));
  pass.end();
  return plan;
}

type Refusal = Omit<PendingReason, "jobId">;

/** `rest` is the queue when all that are left of the job's kind are told the same. */
function tell({ reasons }: Plan, { id }: PendingJob, { kind, reason }: Refusal, rest: OrderedQueue | null): void {
  reasons.push({ jobId: id, kind, reason });
  rest?.tellRest({ kind, reason }, reasons);
}

/** Whatever room there is. What a project holds only grows, so it is true of all further jobs of the kind too. */
function mustWait(cycle: Cycle, job: PendingJob): Refusal | null {
  const over = cycle.queue.overLimit(job);
  if (over !== null) return { kind: "over-limit", reason: over };
  const awaited = waitsForPromise(cycle, job);
  return awaited === null ? null : { kind: "held-back", reason: awaited };
}

/** Says why the job waits, and does what lets it start one day. */
function wait(cycle: Cycle, plan: Plan, request: RequestClass, job: PendingJob, position: number): void {
  const { snapshot, promises } = cycle;
  const reason = promises.has(job.id) ? null : seekRoom(cycle, plan, request, job, position);
  const promise = snapshot.explain === false ? undefined : promises.get(job.id);
  if (promise !== undefined)
    plan.reasons.push({ jobId: job.id, kind: "making-room", reason: promiseText(cycle.leaving, promise, plan.preemptions) });
  else plan.reasons.push(reason ?? { jobId: job.id, kind: "no-room", reason: "" });
}

function seekRoom(cycle: Cycle, plan: Plan, request: RequestClass, job: PendingJob, position: number): PendingReason | null {
  const { snapshot, pass, queue } = cycle;
  const reason = snapshot.explain === false ? null : withStanding(queue, job, explainPending(pass, request, job, position));
  pass.skipped(job, request);
  plan.preemptions.push(...keepRoom(cycle, request, job));
  settle(cycle, request, position);
  return reason;
}

/**
 * Nothing that this cycle can still do starts the jobs of a settled class or gives them another reason, unless others are
 * stopped or moved for one: in a long queue that is nearly all of them.
 */
function settle({ snapshot, pass, reservations }: Cycle, request: RequestClass, position: number): void {
  if (snapshot.explain === false || !request.failed) return;
  if (request.hopeless != null) request.settled = request.hopeless;
  else if (position >= pass.precise && (request.unreservable || reservations >= MOST_RESERVATIONS || keepsNoNodes(snapshot)))
    request.settled = { kind: "behind-others", reason: pass.behind };
}

/** Holds for all jobs of its kind behind it too: they are younger. */
function isSettled(cycle: Cycle, request: RequestClass, job: PendingJob): request is RequestClass & { settled: object } {
  const { now, snapshot } = cycle;
  if (request.settled === null) return false;
  if (request.hopeless != null) return true;
  if (mayBackfill(cycle, request, job) || cycle.promises.has(job.id) || cycle.roomMaker?.mayHelp(job, request)) return false;
  if (cycle.queue.plain !== true && mayStillMove(cycle)) return false;
  return request.holds || keepsNoNodes(snapshot) || reservesLater(cycle, request) || now - job.queuedAt < HOLD_BACK_AFTER_MS;
}

/**
 * Those before it have all the reservations of a pass: it gets one when they have started. Until then it holds nothing, or
 * any backlog older than HOLD_BACK_AFTER_MS would keep every node from the jobs that fit.
 */
function reservesLater({ reservations }: Cycle, { unreservable }: RequestClass): boolean {
  return reservations >= MOST_RESERVATIONS && !unreservable;
}

/** Under the service policy nobody starves (see firstRunAfterMs), and held nodes would idle. */
function keepsNoNodes({ queueing }: ClusterSnapshot): boolean {
  return queueing?.kind === "service";
}

function tryToPlace(pass: Pass, request: RequestClass, job: PendingJob): Assignment[] | null {
  if (request.failed) return null;
  const assignments = placeGang(
    () => pass.openNodes(request),
    () => pass.indexOf(request),
    request,
    job.id,
    pass.changed,
  );
  request.failed = assignments === null;
  return assignments;
}

/**
 * What its project borrows beyond its guarantee would count against the guarantee once it runs: the promised job would then
 * be a borrower itself, and others would have been stopped for nothing. So borrowing waits until the promise is kept.
 */
function waitsForPromise({ awaited, queue }: Cycle, job: PendingJob): string | null {
  const first = awaited.get(job.project ?? DEFAULT_PROJECT);
  if (first === undefined || queue.withinGuarantee(job)) return null;
  return `waits until job ${first} of its project has started on the GPUs that are taken back for it`;
}

function mayBackfill({ reservations, noGap }: Cycle, request: RequestClass, { timeLimitMs }: PendingJob): boolean {
  if (reservations === 0 || timeLimitMs === undefined) return false;
  return timeLimitMs < (noGap.get(request.key) ?? Number.POSITIVE_INFINITY);
}

/** On reserved nodes too, when its time limit ends before the reservation begins. */
function tryToBackfill(cycle: Cycle, request: RequestClass, job: PendingJob): Assignment[] | null {
  const { pass, now, noGap } = cycle;
  if (job.timeLimitMs === undefined || !mayBackfill(cycle, request, job)) return null;
  const entries = pass.openUntil(request, now + job.timeLimitMs);
  const assignments = placeGang(
    () => entries,
    () => indexCandidates(entries, request, []),
    request,
    job.id,
    pass.changed,
  );
  if (assignments === null) noGap.set(request.key, job.timeLimitMs);
  return assignments;
}

/** What is done so that the job starts one day: others stop for it, or its nodes are kept. Returns who is to stop. */
function keepRoom(cycle: Cycle, request: RequestClass, job: PendingJob): Preemption[] {
  const { snapshot, pass, now, roomMaker } = cycle;
  if (request.hopeless) return [];
  const room = roomMaker?.makeRoomFor(job, request, () => pass.openNodes(request)) ?? null;
  if (room !== null) {
    if (snapshot.queueing?.kind === "service") pass.hold(job, room.nodeIds, now);
    else promiseRoom(cycle, job, newPromise(cycle.leaving, room.nodeIds, room.preemptions, now));
    return room.preemptions;
  }
  if (keepsNoNodes(snapshot)) return [];
  if (cycle.reservations < MOST_RESERVATIONS && !request.unreservable) {
    const reservation = cycle.ends.length === 0 ? null : reserveFor(cycle, request, job);
    if (reservation !== null) {
      cycle.reservations += 1;
      pass.hold(job, reservation.nodeIds, reservation.startsAt);
      return [];
    }
    request.unreservable = true;
  }
  const moved = moveOthers(cycle, request, job);
  if (moved !== null) {
    promiseRoom(cycle, job, newPromise(cycle.leaving, moved.nodeIds, moved.preemptions, now));
    bookMoved(cycle, moved.preemptions);
    return moved.preemptions;
  }
  if (now - job.queuedAt >= HOLD_BACK_AFTER_MS && !reservesLater(cycle, request)) pass.holdFor(job, request);
  return [];
}

function reserveFor({ pass, ends, now }: Cycle, request: RequestClass, job: PendingJob): Reservation | null {
  const present = pass.presentRoom(request);
  const known = pass.knownEnds(request);
  const reservation = known === null ? undefined : reserveFromKnown(present, known, job, now);
  return reservation === undefined ? reserve(present, job, ends, now) : reservation;
}

/** Shares do not help the first two; of jobs far behind it would be rewritten at every change of a share. */
const WITHOUT_STANDING: ReadonlySet<PendingKind> = new Set(["never-fits", "nodes-absent", "behind-others"]);

function withStanding(queue: OrderedQueue, job: PendingJob, reason: PendingReason): PendingReason {
  const standing = WITHOUT_STANDING.has(reason.kind) ? null : queue.standing(job);
  return standing === null ? reason : { ...reason, reason: `${reason.reason}; ${standing}` };
}
