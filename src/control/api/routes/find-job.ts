import { BerthError, type Job } from "../../../shared/domain/index.ts";
import type { JobStore } from "../../jobs/index.ts";

/** @throws BerthError job_not_found */
export async function findJob(jobs: JobStore, idOrName: string): Promise<Job> {
  const job = await jobs.find(idOrName);
  if (job === null) throw new BerthError("job_not_found", `no job ${JSON.stringify(idOrName)}`);
  return job;
}
