import { BerthError, isBerthError, type Job } from "../../shared/domain/index.ts";
import type { JobChange } from "./job-change.ts";
import type { JobStore } from "./job-store.ts";
import { applyEvent } from "./transition.ts";

const ATTEMPTS = 16;

/**
 * Reads the row, applies the change and writes it, again from the start when somebody else wrote in between.
 * A change that changes nothing (a repeated report) writes nothing and returns the row.
 * @throws BerthError job_not_found; stale_epoch or conflict as `applyEvent` refuses; redis_unavailable
 */
export async function applyChange(store: Pick<JobStore, "get" | "commit">, jobId: string, change: JobChange, now: number): Promise<Job> {
  for (let attempt = 1; ; attempt += 1) {
    const job = await store.get(jobId);
    if (job === null) throw new BerthError("job_not_found", `no job ${jobId}`);
    const transition = applyEvent(job, change, now);
    if (transition.job === job) return job;
    try {
      return await store.commit(job, transition, now);
    } catch (error) {
      if (!isBerthError(error, "conflict") || attempt === ATTEMPTS) throw error;
    }
  }
}
