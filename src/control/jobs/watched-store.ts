import { BerthError } from "../../shared/domain/index.ts";
import type { JobStore } from "./job-store.ts";
import type { LiveQueue } from "./live-queue.ts";

/** The store, telling the live queue what is written through it. */
export function watchedStore(store: JobStore, live: Pick<LiveQueue, "wrote">): JobStore {
  const telling: Pick<JobStore, "commit" | "commitAll"> = {
    commit: async (...change) => {
      const job = await store.commit(...change);
      live.wrote(job);
      return job;
    },
    commitAll: async (...changes) => {
      const results = await store.commitAll(...changes);
      for (const result of results) if (!(result instanceof BerthError)) live.wrote(result);
      return results;
    },
  };
  return new Proxy(store, {
    get: (target, name) => (name === "commit" || name === "commitAll" ? telling[name] : Reflect.get(target, name)),
  });
}
