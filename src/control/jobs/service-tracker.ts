import { gpusCounted, isTerminal, type Job } from "../../shared/domain/index.ts";
import {
  type ActiveJob,
  type ClusterSnapshot,
  createServiceHistory,
  jobGroup,
  type PendingJob,
  type Remaining,
} from "../scheduler/index.ts";
import type { JobStore } from "./job-store.ts";

/** Ended jobs read at the start: what a new leader knows of the past. */
const REMEMBERED = 2000;
const PAGE = 200;
/** Ended jobs of a user before anything is said of the length of the next. */
const TELLING = 3;

/** Keeps the service history up to date with the rows. */
export interface ServiceTracker {
  /** Learns from what changed since the last call, and writes every job's service index into the snapshot's jobs. */
  look(jobs: readonly TrackedJob[], snapshot: ClusterSnapshot, now: number): Promise<ClusterSnapshot>;
  /** After `look`: how much longer the job runs; null when too few jobs of its user have ended. */
  remaining(id: string): Remaining | null;
}

/** What the history needs of a row: a job that is only planned has it too. */
export type TrackedJob = Pick<Job, "id" | "spec" | "user" | "submittedAt" | "attempt" | "preemptions" | "serviceMs">;

/** Reads the last 2000 ended jobs at the first `look`, and follows from then on what the passes see. */
export function createServiceTracker(store: Pick<JobStore, "get" | "list">): ServiceTracker {
  const history = createServiceHistory();
  const tracked = new Map<string, string>();
  const endedOf = new Map<string, number>();
  const pending = keepingSame<PendingJob>();
  const active = keepingSame<ActiveJob>();
  let begun = false;

  const enter = (job: TrackedJob) => {
    const gpus = gpusCounted(job.spec.resources) * job.spec.replicas;
    history.submitted({ id: job.id, group: groupOf(job), gpus, submittedAt: job.submittedAt });
  };
  const leave = (job: Job) => {
    history.attained(job.id, serviceMs(job, job.finishedAt ?? 0));
    // A cancelled job tells only that it ran so long.
    if (job.state === "cancelled") history.forget(job.id);
    else {
      history.ended(job.id);
      endedOf.set(userOf(job), (endedOf.get(userOf(job)) ?? 0) + 1);
    }
  };
  const begin = async () => {
    const ended: Job[] = [];
    for (let cursor: string | null = null; ended.length < REMEMBERED; ) {
      const page = await store.list({ states: ["succeeded", "failed"] }, { limit: PAGE, cursor });
      ended.push(...page.items.filter(({ array }) => array === undefined));
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
      for (const id of [...tracked.keys()].filter((known) => !present.has(known))) {
        const job = await store.get(id);
        // Still waiting, but beyond what a pass looks at: it comes back.
        if (job !== null && !isTerminal(job.state)) continue;
        tracked.delete(id);
        if (job === null) history.forget(id);
        else leave(job);
      }
      for (const job of jobs.filter(({ id }) => !tracked.has(id)).sort(firstSubmitted)) {
        enter(job);
        tracked.set(job.id, userOf(job));
      }
      for (const job of jobs) history.attained(job.id, serviceMs(job, now));
      const hasRun = (id: string) => (present.get(id)?.preemptions ?? 0) > 0;
      return {
        ...snapshot,
        pending: snapshot.pending.map((job) => pending(job, { serviceIndex: history.index(job.id), hasRun: hasRun(job.id) })),
        active: snapshot.active.map((job) => active(job, { serviceIndex: history.index(job.id) })),
      };
    },
    remaining: (id) => {
      const user = tracked.get(id);
      if (user === undefined || (endedOf.get(user) ?? 0) < TELLING) return null;
      const [p50, p90] = [history.remaining(id, 0.5), history.remaining(id, 0.9)];
      return p50 === null || p90 === null ? null : { p50, p90 };
    },
  };
}

/**
 * Writes into a row what the history says of it. A row that stays what it was stays the same object too: what an incremental
 * decision remembers depends on it.
 */
function keepingSame<Row extends PendingJob | ActiveJob>(): (row: Row, said: Pick<PendingJob, "serviceIndex" | "hasRun">) => Row {
  const written = new WeakMap<Row, { said: Pick<PendingJob, "serviceIndex" | "hasRun">; made: Row }>();
  return (row, said) => {
    const before = written.get(row);
    if (before !== undefined && before.said.serviceIndex === said.serviceIndex && before.said.hasRun === said.hasRun) return before.made;
    const made = { ...row, ...said };
    written.set(row, { said, made });
    return made;
  };
}

function firstSubmitted(one: TrackedJob, other: TrackedJob): number {
  return one.submittedAt - other.submittedAt || Number(one.id) - Number(other.id);
}

function serviceMs({ serviceMs: earlier = 0, attempt }: Pick<TrackedJob, "serviceMs" | "attempt">, until: number): number {
  return earlier + (attempt?.startedAt == null ? 0 : Math.max(0, until - attempt.startedAt));
}

function groupOf({ spec: { project, name }, user }: TrackedJob): string {
  return jobGroup({ project, user, name });
}

function userOf({ spec, user }: TrackedJob): string {
  return `${spec.project}/${user}`;
}
