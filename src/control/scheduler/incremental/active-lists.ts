import type { ActiveJob } from "../snapshot.ts";
import { createSortedList } from "./sorted-list.ts";

/** What a cycle asks of the running jobs, each list in its own order. */
export interface ActiveLists {
  /** Those with a time limit, the first to end first. */
  ending(): readonly ActiveJob[];
  /** All, in the order in which their project's guarantee covers them: highest priority, then first started. */
  byRight(): readonly ActiveJob[];
  stopping(): readonly ActiveJob[];
}

/** Each list is made when it is first asked for. */
export function activeLists(active: readonly ActiveJob[]): ActiveLists {
  return createActiveLists()(active);
}

/** As `activeLists`, in the time of what has changed since the last call. */
export function createActiveLists(): (active: readonly ActiveJob[]) => ActiveLists {
  const ending = createSortedList(compareEnds, ({ endsAt }: ActiveJob) => endsAt !== undefined);
  const byRight = createSortedList(compareRights, () => true);
  const stopping = createSortedList(compareIds, (job: ActiveJob) => job.stopping === true);
  return (active) => ({
    ending: lazily(() => ending.look(active)),
    byRight: lazily(() => byRight.look(active)),
    stopping: lazily(() => stopping.look(active)),
  });
}

function lazily<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** The first to end first. */
export function compareEnds(one: ActiveJob, other: ActiveJob): number {
  return (one.endsAt ?? 0) - (other.endsAt ?? 0) || compareIds(one, other);
}

function compareRights(one: ActiveJob, other: ActiveJob): number {
  return (
    (other.priority ?? 0) - (one.priority ?? 0) ||
    (one.startedAt ?? Number.MAX_SAFE_INTEGER) - (other.startedAt ?? Number.MAX_SAFE_INTEGER) ||
    compareIds(one, other)
  );
}

function compareIds({ id: one }: ActiveJob, { id: other }: ActiveJob): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
