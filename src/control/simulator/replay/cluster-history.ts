import type { Job, NodeRecord } from "../../../shared/domain/index.ts";
import { jobGroup, type NodeCapacity, nodeCapacity, type ProjectShare } from "../../scheduler/index.ts";
import type { Saving } from "../checkpoint-time.ts";
import type { ReplayJob } from "./replay-job.ts";

/**
 * The jobs of a cluster's own past that ran to an end, as a trace that begins with the first of them: all that they asked,
 * shares of GPUs, MIG devices, rules and limits included. Tasks come with their array, at most as many at a time as it
 * allows. `jobs` are rows of every kind, the arrays' own among them.
 */
export function historyJobs(jobs: readonly Job[], sinceMs: number, checkpointCostSeconds = 0): ReplayJob[] {
  const arrays = new Map(jobs.flatMap((job) => (job.array === undefined ? [] : [[job.id, job]])));
  const submittedAt = (job: Job) => arrays.get(job.task?.arrayId ?? "")?.submittedAt ?? job.submittedAt;
  const ran = jobs.filter(
    (job) => job.array === undefined && job.finishedAt !== null && ranSeconds(job) > 0 && submittedAt(job) >= sinceMs,
  );
  const first = ran.reduce((least, job) => Math.min(least, submittedAt(job)), Number.POSITIVE_INFINITY);
  return ran
    .sort(
      (left, right) => submittedAt(left) - submittedAt(right) || (left.task?.index ?? 0) - (right.task?.index ?? 0) || inOrder(left, right),
    )
    .map((job) => ({
      ...replayJobOf(job, checkpointCostSeconds),
      submitSeconds: (submittedAt(job) - first) / 1000,
      ...arrayOf(job, arrays),
    }));
}

function replayJobOf(job: Job, costSeconds: number): Omit<ReplayJob, "submitSeconds"> {
  const { replicas, minReplicas, resources, placement, project, priority, timeLimitSeconds, stopGraceSeconds, name } = job.spec;
  return {
    ...{ id: job.id, durationSeconds: ranSeconds(job), replicas, resources, project, user: job.user, priority },
    ...{ timeLimitSeconds, stopGraceSeconds, saving: savingOf(job, costSeconds), group: jobGroup({ project, user: job.user, name }) },
    ...(minReplicas === undefined ? {} : { minReplicas }),
    ...(placement === undefined ? {} : { rules: placement }),
    ...(job.imageRequirements === undefined ? {} : { imageRequirements: job.imageRequirements }),
  };
}

/** All its attempts that counted; 0 when it never ran. A row's start is that of its last attempt. */
function ranSeconds({ startedAt, finishedAt, serviceMs = 0 }: Job): number {
  const last = startedAt === null || finishedAt === null ? null : Math.max(1, finishedAt - startedAt);
  return ((last ?? 0) + serviceMs) / 1000;
}

function savingOf({ spec: { checkpoint } }: Job, costSeconds: number): Saving {
  return checkpoint === undefined
    ? "never"
    : { everySeconds: checkpoint.intervalSeconds, costSeconds, graceSeconds: checkpoint.graceSeconds };
}

function arrayOf({ task, spec }: Job, arrays: ReadonlyMap<string, Job>): Pick<ReplayJob, "array"> {
  if (task === undefined) return {};
  return { array: { id: task.arrayId, limit: (arrays.get(task.arrayId)?.spec ?? spec).array?.limit ?? null } };
}

function inOrder(left: Job, right: Job): number {
  return left.id.length - right.id.length || (left.id < right.id ? -1 : 1);
}

/** The cluster's machines as they are now, as if all were up and open. */
export function historyNodes(records: readonly NodeRecord[]): NodeCapacity[] {
  return records.map((record) => {
    const { closed: _closed, ...capacity } = nodeCapacity({ ...record, state: "ready" });
    return capacity;
  });
}

/** The cluster's projects, before anybody has used anything. */
export function historyProjects(
  projects: readonly (Pick<ProjectShare, "name" | "parent" | "weight" | "limits"> & { quotaGpus: number })[],
): ProjectShare[] {
  return projects.map(({ name, parent, weight, limits, quotaGpus }) => ({
    name,
    parent,
    weight,
    limits,
    guaranteedGpus: quotaGpus,
    usage: 0,
  }));
}
