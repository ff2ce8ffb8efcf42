import type { MuriPolicy, MuriRun } from "./muri-policy.ts";

/** GPU-seconds after which a job goes down a queue. */
const LIMITS = [3250, 7200];

/** Executed time reaches a limit only up to rounding. */
const ROUNDING = 1e-6;

/** Tiresias-L (NSDI'19): least attained service in three queues, first come first served in each, no way up. */
export function attainedServiceQueues(gpus: number): MuriPolicy {
  const queues: MuriRun[][] = [[], [], []];
  return {
    arrive: (run) => queues[0]?.push(run),
    leave: (run) => {
      for (const queue of queues) if (queue.includes(run)) queue.splice(queue.indexOf(run), 1);
    },
    jobs: () => queues.flat(),
    schedule: () => {
      demote(queues);
      let free = gpus;
      for (const run of queues.flat()) {
        run.running = run.job.gpus <= free;
        if (run.running) free -= run.job.gpus;
      }
      for (const queue of queues) queue.sort((left, right) => Number(right.running) - Number(left.running));
    },
    nextEvent: (now) => nextDemotion(queues, now),
  };
}

function demote(queues: MuriRun[][]): void {
  const moved = new Set<MuriRun>();
  for (const [level, limit] of LIMITS.entries()) {
    const [queue, below] = [queues[level], queues[level + 1]];
    if (queue === undefined || below === undefined) continue;
    for (const run of [...queue]) {
      if (!run.running || moved.has(run) || run.executed * run.job.gpus < limit - ROUNDING) continue;
      queue.splice(queue.indexOf(run), 1);
      below.push(run);
      moved.add(run);
    }
  }
}

function nextDemotion(queues: MuriRun[][], now: number): number {
  let next = Number.POSITIVE_INFINITY;
  for (const [level, limit] of LIMITS.entries()) {
    for (const run of queues[level] ?? []) {
      if (run.running) next = Math.min(next, Math.ceil(limit / run.job.gpus) - run.executed + now);
    }
  }
  return next;
}
