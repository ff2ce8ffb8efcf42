import type { Run } from "./run.ts";

/** As in control/jobs/arrays: so many tasks of an array stand in the queue at a time. */
const WAITING_WITH_ROW = 64;

/** Keeps the tasks of arrays out of the queue until their array's limit lets them in; a task's age counts from then. */
export interface ArrayGate<Job> {
  hold(arrayId: string, run: Run<Job>): void;
  /** Tasks that may enter now, beside those that are `live`. */
  open(live: Iterable<Run<Job>>, now: number): Run<Job>[];
  held(): Run<Job>[];
}

/** Tasks of one array enter in the order in which they were held. */
export function createArrayGate<Job>(): ArrayGate<Job> {
  const waiting = new Map<string, Run<Job>[]>();
  return {
    hold: (arrayId, run) => {
      const tasks = waiting.get(arrayId);
      if (tasks === undefined) waiting.set(arrayId, [run]);
      else tasks.push(run);
    },
    open: (live, now) => {
      if (waiting.size === 0) return [];
      const counts = countTasks(live);
      return [...waiting].flatMap(([arrayId, tasks]) => {
        const { pending, all } = counts.get(arrayId) ?? { pending: 0, all: 0 };
        const limit = tasks[0]?.simulated.array?.limit ?? Number.POSITIVE_INFINITY;
        const entering = tasks.splice(0, Math.max(0, Math.min(limit - all, WAITING_WITH_ROW - pending)));
        if (tasks.length === 0) waiting.delete(arrayId);
        for (const { pending: task } of entering) task.queuedAt = now * 1000;
        return entering;
      });
    },
    held: () => [...waiting.values()].flat(),
  };
}

function countTasks<Job>(live: Iterable<Run<Job>>): Map<string, { pending: number; all: number }> {
  const counts = new Map<string, { pending: number; all: number }>();
  for (const { simulated, active } of live) {
    if (simulated.array === undefined) continue;
    const { pending, all } = counts.get(simulated.array.id) ?? { pending: 0, all: 0 };
    counts.set(simulated.array.id, { pending: pending + (active === null ? 1 : 0), all: all + 1 });
  }
  return counts;
}
