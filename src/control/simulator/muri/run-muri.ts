import { attainedServiceQueues } from "./attained-service.ts";
import type { MuriPolicy } from "./muri-policy.ts";
import type { MuriJob } from "./muri-trace.ts";
import { shortestFirst } from "./shortest-first.ts";

export interface MuriResult {
  averageJct: number;
  p99Jct: number;
  makespan: number;
}

export const MURI_POLICIES = ["srtf", "srsf", "las"] as const;
export type MuriPolicyName = (typeof MURI_POLICIES)[number];

/** 8 nodes of 8 GPUs. */
const NODES = 8;
const GPUS_PER_NODE = 8;

/**
 * Muri's simulator (SIGCOMM'22, section 6.3) for policies that share no GPU. Every event restarts the running jobs, so each
 * advances by the time since the last event less its overhead.
 */
export function runMuri(jobs: readonly MuriJob[], name: MuriPolicyName): MuriResult {
  const policy = name === "las" ? attainedServiceQueues(NODES * GPUS_PER_NODE) : shortestFirst(name, NODES, GPUS_PER_NODE);
  const ended: { jct: number; at: number }[] = [];
  let [arrived, last] = [0, 0];
  while (ended.length < jobs.length) {
    const now = Math.min(jobs[arrived]?.submitSeconds ?? Number.POSITIVE_INFINITY, firstEnd(policy), policy.nextEvent(last));
    for (const run of [...policy.jobs()]) {
      if (!run.running || run.endsAt > now) continue;
      policy.leave(run);
      ended.push({ jct: now - run.job.submitSeconds, at: now });
    }
    for (let job = jobs[arrived]; job !== undefined && job.submitSeconds <= now; job = jobs[arrived]) {
      policy.arrive({ job, remaining: job.workSeconds, executed: 0, running: false, endsAt: Number.POSITIVE_INFINITY });
      arrived += 1;
    }
    advance(policy, now - last);
    policy.schedule(now);
    for (const run of policy.jobs()) if (run.running) run.endsAt = now + run.remaining;
    last = now;
  }
  return summarise(ended);
}

function firstEnd(policy: MuriPolicy): number {
  let first = Number.POSITIVE_INFINITY;
  for (const run of policy.jobs()) if (run.running && run.endsAt < first) first = run.endsAt;
  return first;
}

function advance(policy: MuriPolicy, seconds: number): void {
  for (const run of policy.jobs()) {
    if (!run.running) continue;
    run.executed += seconds;
    run.remaining -= Math.max(0, seconds - run.job.overheadSeconds);
  }
}

function summarise(ended: readonly { jct: number; at: number }[]): MuriResult {
  const sorted = ended.map(({ jct }) => jct).sort((left, right) => left - right);
  return {
    averageJct: sorted.reduce((sum, jct) => sum + jct, 0) / sorted.length,
    p99Jct: sorted[Math.floor(0.99 * sorted.length)] ?? Number.NaN,
    makespan: Math.max(...ended.map(({ at }) => at)),
  };
}
