import { decide } from "../decide.ts";
import type { ClusterSnapshot, Plan } from "../snapshot.ts";
import { createWindowMemory, withWindows } from "../time/windows.ts";
import { createCycleMemory } from "./cycle-memory.ts";

/**
 * `decide` for a caller that decides again and again: the same plans, in the time of what has changed since the last one.
 * Keep one for each cluster, and keep unchanged nodes, jobs and their order as they were (see CycleMemory).
 */
export function createIncrementalDecide(): (snapshot: ClusterSnapshot, now: number) => Plan {
  const memory = createCycleMemory();
  const windows = createWindowMemory();
  return (asked, now) => {
    const snapshot = withWindows(asked, now, windows);
    memory.look(snapshot);
    return decide(snapshot, now, memory);
  };
}
