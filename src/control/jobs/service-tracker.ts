import { isTerminal, type Job } from "../../shared/domain/index.ts";
import { type ClusterSnapshot, createServiceHistory } from "../scheduler/index.ts";
import type { JobStore } from "./job-store.ts";

/** Ended jobs read at the start: what a new leader knows of the past. */
const REMEMBERED = 2000;
const PAGE = 200;

/** Keeps the service history up to date with the rows. */
export interface ServiceTracker {
  /** Learns from what changed since the last call, and writes every job's service index into the snapshot's jobs. */
  look(jobs: readonly Job[], snapshot: ClusterSnapshot, now: number): Promise<ClusterSnapshot>;
}

export function createServiceTracker(store: Pick<JobStore, "get" | "list">): ServiceTracker {
  const history = createServiceHistory();
  const tracked = new Set<string>();
  let begun = false;

  const enter = (job: Job) => {
    const gpus = job.spec.resources.gpus * job.spec.replicas;
    history.submitted({ id: job.id, group: groupOf(job), gpus, submittedAt: job.submittedAt });
  };
  const leave = (job: Job) => {
    history.attained(job.id, serviceMs(job, job.finishedAt ?? 0));
    // A cancelled job tells only that it ran so long.
    if (job.state === "cancelled") history.forget(job.id);
    else history.ended(job.id);
  };
  const begin = async () => {
    const ended: Job[] = [];
    for (let cursor: string | null = null; ended.length < REMEMBERED; ) {
      const page = await store.list({ states: ["succeeded", "failed"] }, { limit: PAGE, cursor });
      ended.push(...page.items);
      cursor = page.nextCursor;
      if (cursor === null) break;
    }
    for (const job of ended.reverse()) {
      enter(job);
      leave(job);
    }
    begun = true;
  };
  return {
    look: async (jobs, snapshot, now) => {
      if (!begun) await begin();
      const present = new Map(jobs.map((job) => [job.id, job]));
      for (const id of [...tracked].filter((known) => !present.has(known))) {
        const job = await store.get(id);
        // Still waiting, but beyond what a pass looks at: it comes back.
        if (job !== null && !isTerminal(job.state)) continue;
        tracked.delete(id);
        if (job === null) history.forget(id);
        else leave(job);
      }
      for (const job of [...jobs].sort((left, right) => left.submittedAt - right.submittedAt || Number(left.id) - Number(right.id))) {
        if (!tracked.has(job.id)) enter(job);
        tracked.add(job.id);
        history.attained(job.id, serviceMs(job, now));
      }
      const hasRun = (id: string) => (present.get(id)?.preemptions ?? 0) > 0;
      return {
        ...snapshot,
        pending: snapshot.pending.map((job) => ({ ...job, serviceIndex: history.index(job.id), hasRun: hasRun(job.id) })),
        active: snapshot.active.map((job) => ({ ...job, serviceIndex: history.index(job.id) })),
      };
    },
  };
}

function serviceMs({ serviceMs: earlier = 0, attempt }: Job, until: number): number {
  return earlier + (attempt?.startedAt == null ? 0 : Math.max(0, until - attempt.startedAt));
}

/** Jobs of one sweep differ only in the number at the end of their names. */
function groupOf({ spec, user }: Job): string {
  return `${spec.project}/${user}/${spec.name.replace(/[-0-9]+$/, "")}`;
}
