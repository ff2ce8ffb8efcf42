import { isActive, type Job, type JobState } from "../../shared/domain/index.ts";
import type { JobFilter } from "./job-store.ts";

export const JOB_STATES = ["pending", "starting", "running", "stopping", "succeeded", "failed", "cancelled"] as const satisfies JobState[];

/** 2^42 milliseconds reach to the year 2109; times 2001 priorities it still fits the 53 bits of a double. */
const MILLISECONDS = 2 ** 42;
const HIGHEST_PRIORITY = 1000;

/** An array's own row is never placed: only its tasks are in the queue. */
export function isQueued(job: Job): boolean {
  return job.state === "pending" && job.array === undefined;
}

/** What a scheduling pass looks at. */
export function isScheduled(job: Job): boolean {
  return job.array === undefined && (job.state === "pending" || isActive(job.state));
}

/** Sorts pending jobs as the scheduler orders them: priority (highest first), then age. Ties: by id, see `queueMember`. */
export function queueScore(job: Job): number {
  return (HIGHEST_PRIORITY - job.spec.priority) * MILLISECONDS + Math.min(job.queuedAt, MILLISECONDS - 1);
}

/** Equal scores sort by member as text, so ids are padded to sort as numbers do. */
export function queueMember(id: string): string {
  return id.padStart(16, "0");
}

/** "0000000000000042" -> "42". */
export function idOfQueueMember(member: string): string {
  return member.replace(/^0+(?=\d)/, "");
}

/** The nodes that must hear of the job. */
export function nodesOf(job: Job): string[] {
  return [...new Set(activeAssignments(job).map(({ nodeId }) => nodeId))];
}

function activeAssignments(job: Job) {
  return isActive(job.state) ? (job.attempt?.assignments ?? []) : [];
}

/**
 * All that the filter names must hold; `tasks: false` leaves out an array's tasks that hold no place. Redis narrows by its
 * indexes first and judges by this too.
 */
export function matchesFilter(job: Job, filter: JobFilter): boolean {
  const { states, project, name, user, array, tasks = true, labels = {} } = filter;
  return (
    (array === undefined || job.task?.arrayId === array) &&
    (tasks || job.task === undefined || isActive(job.state)) &&
    (states === undefined || states.includes(job.state)) &&
    (project === undefined || job.spec.project === project) &&
    (name === undefined || job.spec.name === name) &&
    (user === undefined || job.user === user) &&
    Object.entries(labels).every(([label, value]) => Object.hasOwn(job.spec.labels, label) && job.spec.labels[label] === value)
  );
}
