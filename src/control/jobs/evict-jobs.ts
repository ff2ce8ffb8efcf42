import { isActive, type Job } from "../../shared/domain/index.ts";
import { tryChange } from "./apply-reports.ts";
import type { JobStore } from "./job-store.ts";

/** Asks every job on the node to make room, as for another job: uncharged, and in its old place in the queue. @returns those that stop */
export async function evictJobs(store: JobStore, nodeId: string, why: string, now: number): Promise<Job[]> {
  const stopped: Job[] = [];
  for (const job of await store.onNode(nodeId)) {
    if (job.attempt === null || !isActive(job.state)) continue;
    const change = await tryChange(store, job.id, { type: "preempted", epoch: job.attempt.epoch, why }, now);
    if (change !== null) stopped.push(change.after);
  }
  return stopped;
}
