import fc from "fast-check";
import { expect, test } from "vitest";
import { type ActiveJob, decide, type PendingJob, type QueueingPolicy, SERVICE_POLICY } from "../../../src/control/scheduler/index.ts";
import { NOW, nodeOf, pendingOf } from "./queue-samples.ts";

const MINUTE = 60_000;
const HOLD_BACK_MINUTES = 10;
const GANG_COMES_AT_MINUTE = 30;

/** The stated load: a new job of one GPU every minute for ever, each running at most so long, beside one gang over all nodes. */
const loads = fc.record({
  nodes: fc.integer({ min: 1, max: 3 }),
  longestMinutes: fc.integer({ min: 5, max: 60 }),
  seeds: fc.array(fc.nat(1000), { minLength: 7, maxLength: 7 }),
});

/** Minutes that the gang waits; jobs behind it keep coming. Preempted jobs are gone within the minute and come back. */
function gangWait(load: { nodes: number; longestMinutes: number; seeds: number[] }, queueing: QueueingPolicy | undefined): number {
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
      const runs = 1 + ((Number(jobId) * 7919 + (load.seeds[Number(jobId) % 7] ?? 0)) % load.longestMinutes);
      ends.set(jobId, minute + runs);
      active.push({ id: jobId, resources: job.resources, assignments, priority: 0, startedAt: now, serviceIndex: 0.5 });
    }
    const gone = new Set([...plan.placements, ...plan.preemptions].map(({ jobId }) => jobId));
    const stopped = new Set(plan.preemptions.map(({ jobId }) => jobId));
    pending = pending.filter(({ id }) => !gone.has(id));
    active = active.filter(({ id }) => !stopped.has(id));
  }
  return Number.POSITIVE_INFINITY;
}

test("under fair share a gang waits a bounded time: ten minutes, the backlog before it and the longest jobs, whatever comes behind", () => {
  fc.assert(
    fc.property(loads, (load) => {
      // What came before it is served first: a job a minute and node until then, on four GPUs a node, each at its longest.
      const backlog = (GANG_COMES_AT_MINUTE / 4) * load.longestMinutes;
      expect(gangWait(load, undefined)).toBeLessThanOrEqual(HOLD_BACK_MINUTES + backlog + 2 * load.longestMinutes);
    }),
    { numRuns: 25, examples: [[{ nodes: 1, longestMinutes: 36, seeds: [781, 6, 1, 399, 231, 1, 694] }]] },
  );
});

test("under the service policy a gang of the lowest index has its first run after an hour and the minutes that running jobs are left alone", () => {
  fc.assert(
    fc.property(loads, (load) => {
      const bound = (SERVICE_POLICY.firstRunAfterMs + SERVICE_POLICY.minRunMs) / MINUTE + load.longestMinutes;
      expect(gangWait(load, SERVICE_POLICY)).toBeLessThanOrEqual(bound);
    }),
    { numRuns: 25 },
  );
});
