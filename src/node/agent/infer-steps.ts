import type { DesiredReplica } from "../../shared/wire/index.ts";
import { type ReplicaKey, sameRank } from "./replica-key.ts";

/** The lifecycle step in hand for a replica; no other lifecycle step of it starts meanwhile. */
export type Activity = "start" | "stop" | "remove";

/** One replica this node has, as the agent knows it now. Times are boot-time milliseconds. */
export interface LocalReplica {
  key: ReplicaKey;
  containerId: string;
  /** `starting` has no process of the job yet; `exited` has none any more (or never had one). */
  phase: "starting" | "running" | "exited";
  activity: Activity | null;
  /** A start in hand was already told to give up. */
  aborting: boolean;
  graceSeconds: number;
  /** When its time limit strikes; null without limit or before it runs. */
  timeLimitAtMs: number | null;
  /** When it is to be asked for a checkpoint while it runs; null for never. */
  checkpointDueMs: number | null;
  /** What the lease guard now enforces; null when unknown (adopted, not renewed yet). */
  leaseDeadlineMs: number | null;
  /** After a failed step: not before this. */
  retryAtMs: number;
}

export interface NodeView {
  nowMs: number;
  /** From the last sync that succeeded since this agent started; null before it: then nothing is undesired. */
  desired: readonly DesiredReplica[] | null;
  /** `sentAt + leaseSeconds` of that sync; null with `desired`. */
  leaseDeadlineMs: number | null;
  replicas: readonly LocalReplica[];
}

export type Step =
  | { verb: "start-replica"; desired: DesiredReplica; leaseDeadlineMs: number }
  | { verb: "abort-start"; containerId: string }
  | { verb: "decline-replica"; desired: DesiredReplica }
  | { verb: "renew-lease"; containerId: string; deadlineMs: number }
  | { verb: "request-checkpoint"; containerId: string }
  | { verb: "stop-replica"; containerId: string; graceSeconds: number }
  | { verb: "enforce-time-limit"; containerId: string; graceSeconds: number }
  | { verb: "remove-replica"; containerId: string };

type Wish = "run" | "stop" | "none";

/**
 * What to do now so that the node becomes what the control plane wants. Level-triggered: computed from the whole
 * state every time, so a lost message or a crash between two steps changes nothing. At most one lifecycle step a
 * replica; a lease renewal may stand beside it.
 */
export function inferSteps(view: NodeView): Step[] {
  const local = view.replicas.flatMap((replica) => stepsForLocal(view, replica));
  const missing = (view.desired ?? []).filter((wanted) => !view.replicas.some((replica) => isSame(replica.key, wanted)));
  return [...local, ...missing.flatMap((wanted) => stepsForMissing(view, wanted))];
}

/** The next boot-time instant at which `inferSteps` may answer differently although nothing happened; null for never. */
export function nextInstant(view: NodeView): number | null {
  const instants = view.replicas.flatMap((replica) => [
    ...(replica.phase === "running" ? [replica.timeLimitAtMs, replica.checkpointDueMs].filter((instant) => instant !== null) : []),
    replica.retryAtMs,
  ]);
  const future = instants.filter((instant) => instant > view.nowMs);
  return future.length === 0 ? null : Math.min(...future);
}

function stepsForLocal(view: NodeView, replica: LocalReplica): Step[] {
  const wish = wishFor(view, replica.key);
  const lifecycle = view.nowMs < replica.retryAtMs ? [] : lifecycleStep(view, replica, wish);
  return [...leaseStep(view, replica, wish), ...lifecycle];
}

function lifecycleStep(view: NodeView, replica: LocalReplica, wish: Wish): Step[] {
  const { containerId, graceSeconds } = replica;
  if (replica.activity === "start") {
    return wish !== "run" && !replica.aborting ? [{ verb: "abort-start", containerId }] : [];
  }
  if (replica.activity !== null) return [];
  if (replica.phase === "exited") return wish === "none" ? [{ verb: "remove-replica", containerId }] : [];
  if (replica.phase === "starting") return [];
  if (wish !== "run") return [{ verb: "stop-replica", containerId, graceSeconds }];
  const late = replica.timeLimitAtMs !== null && view.nowMs >= replica.timeLimitAtMs;
  if (late) return [{ verb: "enforce-time-limit", containerId, graceSeconds }];
  const due = replica.checkpointDueMs !== null && view.nowMs >= replica.checkpointDueMs;
  return due ? [{ verb: "request-checkpoint", containerId }] : [];
}

/**
 * A replica that is being stopped on the control plane's wish keeps its lease, or a grace longer than the lease would
 * be cut short. One that nobody wants any more does not: at worst the guard ends it.
 */
function leaseStep(view: NodeView, replica: LocalReplica, wish: Wish): Step[] {
  if (view.desired === null || view.leaseDeadlineMs === null || wish === "none" || replica.phase !== "running") return [];
  if (replica.leaseDeadlineMs !== null && replica.leaseDeadlineMs >= view.leaseDeadlineMs) return [];
  // A deadline in the past would kill: the sync was too slow, and only a newer one may speak for the control plane.
  if (view.leaseDeadlineMs <= view.nowMs) return [];
  return [{ verb: "renew-lease", containerId: replica.containerId, deadlineMs: view.leaseDeadlineMs }];
}

function stepsForMissing(view: NodeView, wanted: DesiredReplica): Step[] {
  if (wishFor(view, wanted) === "stop") return [{ verb: "decline-replica", desired: wanted }];
  if (view.leaseDeadlineMs === null || view.leaseDeadlineMs <= view.nowMs) return [];
  const blocked = view.replicas.some(
    (other) => sameRank(other.key, wanted) && (other.phase !== "exited" || other.key.epoch > wanted.epoch),
  );
  return blocked ? [] : [{ verb: "start-replica", desired: wanted, leaseDeadlineMs: view.leaseDeadlineMs }];
}

/** Before the first sync nothing is known, so all that runs goes on. A higher epoch of the same rank fences the lower. */
function wishFor(view: NodeView, key: ReplicaKey): Wish {
  if (view.desired === null) return "run";
  const wanted = view.desired.find((candidate) => isSame(candidate, key));
  if (wanted === undefined) return "none";
  const superseded = view.desired.some((other) => sameRank(other, key) && other.epoch > key.epoch);
  return superseded ? "stop" : wanted.action;
}

function isSame(one: ReplicaKey, other: ReplicaKey): boolean {
  return sameRank(one, other) && one.epoch === other.epoch;
}
