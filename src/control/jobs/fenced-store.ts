import type { JobStore } from "./job-store.ts";
import type { Fence } from "./leader-store.ts";

/** The store as one leader may use it: every commit is refused once another leads. */
export function fencedStore(store: JobStore, fence: Fence): JobStore {
  const fenced: Pick<JobStore, "commit" | "commitAll"> = {
    commit: (previous, transition, now, revision) => store.commit(previous, transition, now, revision, fence),
    commitAll: (changes, now, revision) => store.commitAll(changes, now, revision, fence),
  };
  return new Proxy(store, {
    get: (target, name) => (name === "commit" || name === "commitAll" ? fenced[name] : Reflect.get(target, name)),
  });
}
