import type { JobStore } from "./job-store.ts";
import type { Fence } from "./leader-store.ts";

/** The store as one leader may use it: every commit is refused once another leads. */
export function fencedStore(store: JobStore, fence: Fence): JobStore {
  const commit: JobStore["commit"] = (previous, transition, now, revision) => store.commit(previous, transition, now, revision, fence);
  return new Proxy(store, { get: (target, name) => (name === "commit" ? commit : Reflect.get(target, name)) });
}
