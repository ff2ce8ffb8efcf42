import type { Job, NodeRecord } from "../../shared/domain/index.ts";
import type { ReservedWindow } from "../scheduler/index.ts";
import { nodesOf } from "./job-indexes.ts";

/** So many ready nodes without a reservation at that time, those with the fewest running jobs first; null when there are fewer. */
export function reservedNodes(
  nodes: readonly NodeRecord[],
  active: readonly Job[],
  others: readonly ReservedWindow[],
  { count, from, to }: { count: number; from: number; to: number },
): string[] | null {
  const taken = new Set(others.filter((other) => other.from < to && from < other.to).flatMap((other) => other.nodes));
  const jobs = new Map<string, number>();
  for (const id of active.flatMap(nodesOf)) jobs.set(id, (jobs.get(id) ?? 0) + 1);
  const usable = nodes
    .filter(({ id, state }) => state === "ready" && !taken.has(id))
    .map(({ id }) => ({ id, load: jobs.get(id) ?? 0 }))
    .sort((left, right) => left.load - right.load || (left.id < right.id ? -1 : 1));
  return usable.length < count
    ? null
    : usable
        .slice(0, count)
        .map(({ id }) => id)
        .sort();
}
