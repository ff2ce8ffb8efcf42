import { explainCannotEver } from "./explain/cannot-ever.ts";
import { explainAbsentNodes, explainHeldBack, explainNoRoom } from "./explain/no-room.ts";
import { emptyNodes, type FreeNode, freeNodes } from "./feasible/free-capacity.ts";
import { gangFits, replicasThatFit } from "./feasible/replica-fit.ts";
import { comparePending } from "./order/compare-pending.ts";
import { placeGang } from "./place/place-gang.ts";
import type { ClusterSnapshot, PendingJob, Plan } from "./snapshot.ts";

/** A job that waited this long holds back those behind it. */
export const HOLD_BACK_AFTER_MS = 10 * 60_000;

/** Jobs so far back get a coarse reason: a precise one would be rewritten at every change of the jobs before them. */
const PRECISE_REASONS = 100;

/**
 * One scheduling pass. Pure: the same snapshot and time give the same plan.
 *
 * The rule: strict order (priority, then age), and a job that does not fit now is skipped, so smaller ones behind it may
 * start: GPUs never idle for order's sake. Skipping alone would let a stream of small jobs starve a large gang for ever,
 * so a job that has waited HOLD_BACK_AFTER_MS holds every ready node it could ever use: jobs behind it are no longer placed
 * there, the nodes drain and the gang starts. Known cost: held GPUs idle while the last jobs on them finish. Backfill
 * with reservations (letting jobs with a time limit run in that gap) is the planned refinement.
 */
export function decide(snapshot: ClusterSnapshot, now: number): Plan {
  const plan: Plan = { placements: [], reasons: [] };
  const pass = startPass(snapshot);
  [...snapshot.pending].sort(comparePending).forEach((job, position) => {
    const assignments = canFit(pass, job) ? placeGang(openNodes(pass), job) : null;
    if (assignments !== null) {
      plan.placements.push({ jobId: job.id, assignments });
      return;
    }
    plan.reasons.push({ jobId: job.id, reason: explain(pass, job, position) });
    rememberFailure(pass, job);
    if (now - job.queuedAt >= HOLD_BACK_AFTER_MS) holdBack(pass, job);
    if (fitsOn(pass, "empty", job)) pass.waiting.push(job);
  });
  return plan;
}

interface Pass {
  /** Ready nodes with what is left of them. */
  free: FreeNode[];
  /** Ready nodes as if nothing ran. */
  empty: FreeNode[];
  /** Every node as if nothing ran and all were ready. */
  everything: FreeNode[];
  /** Node id -> the job it is held for. */
  held: Map<string, PendingJob>;
  /** Request -> the smallest gang of it that did not fit in this pass: room only shrinks, so larger ones will not either. */
  failed: Map<string, number>;
  fits: Map<string, boolean>;
  /** Jobs passed over that the ready nodes could run. */
  waiting: PendingJob[];
}

function startPass(snapshot: ClusterSnapshot): Pass {
  const ready = snapshot.nodes.filter((node) => node.state === "ready");
  return {
    free: freeNodes(ready, snapshot.active),
    empty: emptyNodes(ready),
    everything: emptyNodes(snapshot.nodes),
    held: new Map(),
    failed: new Map(),
    fits: new Map(),
    waiting: [],
  };
}

/** Remembered, for a long queue holds few different requests. */
function fitsOn(pass: Pass, nodes: "empty" | "everything", job: PendingJob): boolean {
  const key = `${nodes} ${job.replicas} ${requestKey(job)}`;
  const fits = pass.fits.get(key) ?? gangFits(pass[nodes], job.resources, job.replicas);
  pass.fits.set(key, fits);
  return fits;
}

const requestKey = (job: PendingJob) => JSON.stringify(Object.values(job.resources));

function openNodes(pass: Pass): FreeNode[] {
  return pass.held.size === 0 ? pass.free : pass.free.filter((entry) => !pass.held.has(entry.node.id));
}

function canFit(pass: Pass, job: PendingJob): boolean {
  return job.replicas < (pass.failed.get(requestKey(job)) ?? Number.POSITIVE_INFINITY);
}

function rememberFailure(pass: Pass, job: PendingJob): void {
  const smallest = pass.failed.get(requestKey(job)) ?? Number.POSITIVE_INFINITY;
  pass.failed.set(requestKey(job), Math.min(smallest, job.replicas));
}

/** Only a job that the ready nodes could run holds them: waiting for one that cannot start would idle them for nothing. */
function holdBack(pass: Pass, job: PendingJob): void {
  const open = pass.empty.filter((entry) => !pass.held.has(entry.node.id));
  if (!fitsOn(pass, "empty", job)) return;
  for (const entry of open) if (replicasThatFit(entry, job.resources, 1) === 1) pass.held.set(entry.node.id, job);
}

/** The first of these that is true: it can never run; its nodes are away; its nodes are held for another; no room now. */
function explain(pass: Pass, job: PendingJob, position: number): string {
  if (!fitsOn(pass, "everything", job)) return explainCannotEver(pass.everything, job);
  if (!fitsOn(pass, "empty", job)) return explainAbsentNodes(pass.everything, job);
  if (position >= PRECISE_REASONS) return `behind more than ${PRECISE_REASONS} jobs of the same or higher priority`;
  if (gangFits(pass.free, job.resources, job.replicas)) return explainHeldBack([...pass.held.values()]);
  return explainNoRoom(pass.free, job, pass.waiting);
}
