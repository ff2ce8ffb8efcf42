import type { ClusterSnapshot } from "../scheduler/index.ts";
import { createQueueStanding } from "./queue-standing.ts";
import { snapshotOf } from "./snapshot-of.ts";
import type { Stores } from "./stores.ts";

/**
 * What the next scheduling pass would see, for answers that change nothing: usage is counted from what was last saved.
 * @throws BerthError redis_unavailable
 */
export async function currentSnapshot(
  { nodes, jobs, projects }: Pick<Stores, "nodes" | "jobs" | "projects">,
  mostPending: number,
  now: number,
): Promise<ClusterSnapshot> {
  const [records, view] = await Promise.all([nodes.list(), jobs.queue(mostPending)]);
  const saving = new Proxy(projects, {
    get: (target, name) => (name === "saveUsages" ? async () => {} : Reflect.get(target, name)),
  });
  return snapshotOf(records, view, await createQueueStanding(saving).look(records, view.active, now));
}
