import { BerthError } from "../../shared/domain/index.ts";
import { type Metrics, recordJobChange } from "../../shared/observe/index.ts";
import type { JobStore } from "../jobs/index.ts";

/** The store, counting what it writes: whoever changes a row, the metrics see it. */
export function observedJobs(jobs: JobStore, metrics: Metrics): JobStore {
  const counting: Pick<JobStore, "submit" | "commit" | "commitAll"> = {
    submit: async (request, now) => {
      const result = await jobs.submit(request, now);
      if (!result.replayed) recordJobChange(metrics, null, result.job);
      return result;
    },
    commit: async (previous, ...rest) => {
      const job = await jobs.commit(previous, ...rest);
      recordJobChange(metrics, previous, job);
      return job;
    },
    commitAll: async (changes, ...rest) => {
      const results = await jobs.commitAll(changes, ...rest);
      results.forEach((result, place) => {
        if (!(result instanceof BerthError)) recordJobChange(metrics, changes[place]?.previous ?? null, result);
      });
      return results;
    },
  };
  return new Proxy(jobs, {
    get: (target, name) => (name === "submit" || name === "commit" || name === "commitAll" ? counting[name] : Reflect.get(target, name)),
  });
}
