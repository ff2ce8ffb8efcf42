import { gpusCounted } from "../../../shared/domain/index.ts";
import { firstRunIsDue } from "../order/compare-by-service.ts";
import type { OrderedQueue } from "../order/order-queue.ts";
import { DEFAULT_PROJECT } from "../order/project-tree.ts";
import { FAIR_POLICY } from "../order/queueing-policy.ts";
import type { ActiveJob, ClusterSnapshot, PendingJob, Preemption } from "../snapshot.ts";

/** Who may be pushed out for whom, and what it costs. */
export interface PreemptionRules {
  /** False when nobody can be pushed out for it: asked before any node is looked at. */
  mayAsk(job: PendingJob): boolean;
  /** False when nobody ever pushes it out nor outwaits it, whatever the job. */
  mayLose(victim: ActiveJob): boolean;
  /** Of two jobs of a group the stronger may push out whomever the weaker may. */
  claim(job: PendingJob): Claim;
  /** A claim of less strength neither pushes it out nor outwaits it. Of one that may lose. */
  resists(victim: ActiveJob): number;
  /** Of one that may lose. */
  mayPushOut(job: PendingJob, victim: ActiveJob): boolean;
  /** True when the job may not push it out yet, but has its nodes kept until it may: else ever younger jobs would starve it. */
  mayOutwait(job: PendingJob, victim: ActiveJob): boolean;
  /** False when it outwaits nobody. */
  outwaits(job: PendingJob): boolean;
  /** Less is a better victim. */
  cost(victim: ActiveJob): number;
  why(job: PendingJob): Pick<Preemption, "kind" | "reason">;
}

export interface Claim {
  group: string;
  strength: number;
}

/**
 * Both rules are strict: what was pushed out can never push out what took its place, so no pair takes turns for ever. (Fair:
 * a borrower pushes nobody out. Service: the winner's index is `hysteresis` times the loser's, and the winner is covered by
 * `minRunMs`.) Null when nothing can be preempted under the policy.
 */
export function preemptionRules(
  snapshot: ClusterSnapshot,
  queue: OrderedQueue,
  now: number,
  byRight: () => readonly ActiveJob[],
): PreemptionRules | null {
  const policy = snapshot.queueing ?? FAIR_POLICY;
  const ranEnough = ({ startedAt }: ActiveJob) => startedAt !== undefined && now - startedAt >= policy.minRunMs;
  if (policy.kind === "service") {
    const index = (victim: ActiveJob) => (victim.serviceIndex ?? 0) * policy.hysteresis;
    return {
      mayAsk: () => true,
      mayLose: () => true,
      claim: (job) => ({
        group: String(job.priority),
        strength: firstRunIsDue(job, policy, now) ? Number.POSITIVE_INFINITY : (job.serviceIndex ?? 0),
      }),
      resists: index,
      outwaits: (job) => firstRunIsDue(job, policy, now),
      mayPushOut: (job, victim) =>
        ranEnough(victim) &&
        (victim.priority ?? 0) <= job.priority &&
        (firstRunIsDue(job, policy, now) || index(victim) <= (job.serviceIndex ?? 0)),
      mayOutwait: (job, victim) => firstRunIsDue(job, policy, now) && (victim.priority ?? 0) <= job.priority,
      // What the cluster gains by keeping it: losing the GPUs of the least promising job costs least.
      cost: (victim) => (victim.serviceIndex ?? 0) * gpusOf(victim),
      why: (job) =>
        firstRunIsDue(job, policy, now)
          ? { kind: "first-run", reason: `job ${job.id} has waited long for its first run` }
          : { kind: "sooner-end", reason: `job ${job.id} is likely to end sooner` },
    };
  }
  if (!(snapshot.projects ?? []).some((project) => project.guaranteedGpus > 0)) return null;
  let borrowers: ReadonlySet<string> | null = null;
  const borrows = ({ id }: ActiveJob) => {
    borrowers ??= borrowing(snapshot, byRight());
    return borrowers.has(id);
  };
  return {
    mayAsk: queue.withinGuarantee,
    mayLose: (victim) => ranEnough(victim) && borrows(victim),
    claim: (job) => ({ group: job.project ?? DEFAULT_PROJECT, strength: 0 }),
    resists: () => 0,
    outwaits: () => false,
    mayPushOut: (job, victim) => (victim.project ?? DEFAULT_PROJECT) !== (job.project ?? DEFAULT_PROJECT),
    // Nodes are held for whoever waited ten minutes, see decide.ts.
    mayOutwait: () => false,
    cost: (victim) => gpuSecondsLost(victim, now),
    why: (job) => ({
      kind: "guarantee",
      reason: `project ${job.project ?? DEFAULT_PROJECT} takes back GPUs it is guaranteed, for job ${job.id}`,
    }),
  };
}

/** Nobody is pushed out; room that others leave by themselves is kept all the same. */
export const NO_PREEMPTION: PreemptionRules = {
  mayAsk: () => false,
  mayLose: () => false,
  claim: () => ({ group: "", strength: 0 }),
  resists: () => 0,
  outwaits: () => false,
  mayPushOut: () => false,
  mayOutwait: () => false,
  cost: () => 0,
  why: () => ({ kind: "guarantee", reason: "" }),
};

/** What would have to be computed again: since its last checkpoint, or its start. */
export function gpuSecondsLost(victim: ActiveJob, now: number): number {
  const since = Math.max(victim.startedAt ?? now, victim.checkpointAt ?? 0);
  return (Math.max(0, now - since) / 1000) * gpusOf(victim);
}

/** Of the replicas that are placed; parts of GPUs as fractions. */
export function gpusOf({ assignments, resources }: ActiveJob): number {
  return gpusCounted(resources) * assignments.length;
}

/** In each project, the jobs beyond the guarantee: what has higher priority, then what started first, is covered first. */
function borrowing({ projects = [] }: ClusterSnapshot, byRight: readonly ActiveJob[]): Set<string> {
  const left = new Map(projects.map((project) => [project.name, project.guaranteedGpus]));
  const borrowers = new Set<string>();
  for (const job of byRight) {
    const project = job.project ?? DEFAULT_PROJECT;
    const covered = left.get(project) ?? 0;
    const gpus = gpusOf(job);
    if (gpus === 0) continue;
    if (gpus <= covered) left.set(project, covered - gpus);
    else borrowers.add(job.id);
  }
  return borrowers;
}
