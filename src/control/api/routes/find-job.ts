import { BerthError, type Job } from "../../../shared/domain/index.ts";
import { findJobOrTask, type Stores } from "../../jobs/index.ts";

/** By id, name, or as a task ("81_3"): one that has no row yet reads as pending. @throws BerthError job_not_found */
export async function findJob(stores: Pick<Stores, "jobs" | "arrays">, text: string): Promise<Job> {
  const job = await findJobOrTask(stores, text);
  if (job === null) throw new BerthError("job_not_found", `no job ${JSON.stringify(text)}`);
  return job;
}

/** True for a task that has no row yet: its id is its name. */
export function hasNoRow(job: Job): boolean {
  return job.id.includes("_");
}
