import fc from "fast-check";
import { expect, test } from "vitest";
import { type ActiveJob, decide, type PendingJob, type QueueingPolicy, SERVICE_POLICY } from "../../../src/control/scheduler/index.ts";
import { runs } from "../../support/property-runs.ts";
import { NOW, nodeOf, pendingOf } from "./queue-samples.ts";

const MINUTE = 60_000;
const HOLD_BACK_MINUTES = 10;
const GANG_COMES_AT_MINUTE = 30;

/** The stated load: a new job of one GPU every minute for ever, each running at most so long, beside one gang over all nodes. */
const loads = fc.record({
  nodes: fc.integer({ min: 1, max: 3 }),
  longestMinutes: fc.integer({ min: 5, max: 60 }),
  /** Every job runs the whole time: the worst the load can be. */
  allLongest: fc.boolean(),
  seeds: fc.array(fc.nat(1000), { minLength: 7, maxLength: 7 }),
});

type Load = typeof loads extends fc.Arbitrary<infer Value> ? Value : never;

/** Minutes that the gang waits; jobs behind it keep coming. Preempted jobs are gone within the minute and come back. */
function gangWait(load: Load, queueing: QueueingPolicy | undefined): number {
  const nodes = Array.from({ length: load.nodes }, (_, index) => nodeOf(`n${index}`, 4));
  const ends = new Map<string, number>();
  let pending: PendingJob[] = [];
  let active: ActiveJob[] = [];
  for (let minute = 0; minute < 600; minute += 1) {
    const now = NOW + minute * MINUTE;
    active = active.filter(({ id }) => (ends.get(id) ?? 0) > minute);
    for (let one = 0; one < load.nodes; one += 1)
      pending.push(pendingOf(String(10_000 + 10 * minute + one), 1, { queuedAt: now, serviceIndex: 1 }));
    if (minute === GANG_COMES_AT_MINUTE)
      pending.push({ ...pendingOf("1", 4, { queuedAt: now, serviceIndex: 0.001 }), replicas: load.nodes });
    const plan = decide({ nodes, pending, active, ...(queueing === undefined ? {} : { queueing }) }, now);
    for (const { jobId, assignments } of plan.placements) {
      if (jobId === "1") return minute - GANG_COMES_AT_MINUTE;
      const job = pending.find(({ id }) => id === jobId) as PendingJob;
      const some = 1 + ((Number(jobId) * 7919 + (load.seeds[Number(jobId) % 7] ?? 0)) % load.longestMinutes);
      ends.set(jobId, minute + (load.allLongest ? load.longestMinutes : some));
      active.push({ id: jobId, resources: job.resources, assignments, priority: 0, startedAt: now, serviceIndex: 0.5 });
    }
    const gone = new Set([...plan.placements, ...plan.preemptions].map(({ jobId }) => jobId));
    const stopped = new Set(plan.preemptions.map(({ jobId }) => jobId));
    pending = pending.filter(({ id }) => !gone.has(id));
    active = active.filter(({ id }) => !stopped.has(id));
  }
  return Number.POSITIVE_INFINITY;
}

/**
 * The bound, for N nodes of four GPUs and jobs of at most L minutes. N jobs a minute came before the gang in its 30 minutes:
 * at most 30 N L GPU-minutes. While one of them waits, all 4 N GPUs work on them, from minute 3 at the earliest (they must
 * have come to fill the GPUs first), so the last has started by 7.5 L + 4. Whoever came after the gang starts only when none
 * of them waits, and none starts once the gang has waited ten minutes: from then it needs L minutes more.
 */
function fairBound({ longestMinutes }: Load): number {
  const lastBeforeItStarts = (GANG_COMES_AT_MINUTE / 4) * longestMinutes + 4;
  return Math.max(HOLD_BACK_MINUTES, lastBeforeItStarts - GANG_COMES_AT_MINUTE) + longestMinutes;
}

test("under fair share a gang waits a bounded time: ten minutes or the backlog before it, and one longest job, whatever comes behind", () => {
  fc.assert(
    fc.property(loads, (load) => {
      expect(gangWait(load, undefined)).toBeLessThanOrEqual(fairBound(load));
    }),
    { numRuns: runs(25), examples: [[{ nodes: 1, longestMinutes: 36, allLongest: false, seeds: [781, 6, 1, 399, 231, 1, 694] }]] },
  );
});

/** Due after `firstRunAfterMs`, it has its nodes kept until those that started last have run `minRunMs`; a minute later they are gone. */
const SERVICE_BOUND = (SERVICE_POLICY.firstRunAfterMs + SERVICE_POLICY.minRunMs) / MINUTE + 1;

test("under the service policy a gang of the lowest index has its first run after an hour and the minutes that running jobs are left alone", () => {
  fc.assert(
    fc.property(loads, (load) => {
      expect(gangWait(load, SERVICE_POLICY)).toBeLessThanOrEqual(SERVICE_BOUND);
    }),
    { numRuns: runs(25) },
  );
});
