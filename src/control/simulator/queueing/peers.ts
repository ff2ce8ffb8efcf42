import { ROUNDING_SECONDS } from "../checkpoint-time.ts";
import type { JobRun } from "./partition-report.ts";
import { GPUS_PER_NODE, type PartitionJob, restartSeconds } from "./partition-trace.ts";
import { placePeer, type Taken } from "./peer-placement.ts";

export const QUEUE_PEERS = ["fifo", "fifo-backfill", "sjf-oracle", "srtf-oracle", "las"] as const;
export type QueuePeer = (typeof QUEUE_PEERS)[number];

/** GPU-seconds after which a job goes down a queue (LAS). */
const LAS_LIMITS = [3600, 36_000];

interface PeerRun {
  job: PartitionJob;
  position: number;
  remaining: number;
  attained: number;
  taken: Taken | null;
  firstStart: number;
  preemptions: number;
}

/** The policies Berth is measured against, on one partition; the oracles know every duration. All jobs run to their end. */
export function runPeer(jobs: readonly PartitionJob[], nodes: number, peer: QueuePeer): JobRun[] {
  const free = new Array<number>(nodes).fill(GPUS_PER_NODE);
  const done: JobRun[] = [];
  let [live, arrived, now]: [PeerRun[], number, number] = [[], 0, 0];
  while (done.length < jobs.length) {
    const next = nextEvent(jobs[arrived], live, now, peer);
    for (const run of live) if (run.taken !== null) advance(run, next - now);
    now = next;
    for (const run of live) {
      if (run.taken === null || run.remaining > ROUNDING_SECONDS) continue;
      release(free, run);
      done.push({ job: run.job, firstStart: run.firstStart, end: now, preemptions: run.preemptions });
    }
    live = live.filter((run) => run.remaining > ROUNDING_SECONDS);
    for (let job = jobs[arrived]; job !== undefined && job.submitSeconds <= now; job = jobs[arrived]) {
      live.push({ job, position: arrived, remaining: job.durationSeconds, attained: 0, taken: null, firstStart: -1, preemptions: 0 });
      arrived += 1;
    }
    live.sort(compare(peer));
    if (peer === "srtf-oracle" || peer === "las") reschedule(live, free, nodes * GPUS_PER_NODE, now);
    else startWaiting(live, free, now, peer === "fifo-backfill");
  }
  return done;
}

function nextEvent(job: PartitionJob | undefined, live: readonly PeerRun[], now: number, peer: QueuePeer): number {
  let next = job?.submitSeconds ?? Number.POSITIVE_INFINITY;
  for (const run of live) {
    if (run.taken === null) continue;
    next = Math.min(next, now + run.remaining);
    const limit = LAS_LIMITS[queueOf(run)];
    if (peer === "las" && limit !== undefined) next = Math.min(next, now + Math.ceil((limit - run.attained * run.job.gpus) / run.job.gpus));
  }
  return next;
}

function advance(run: PeerRun, seconds: number): void {
  run.remaining -= seconds;
  run.attained += seconds;
}

function queueOf({ attained, job }: PeerRun): number {
  const served = attained * job.gpus;
  return LAS_LIMITS.filter((limit) => served >= limit).length;
}

function compare(peer: QueuePeer) {
  const byAge = (left: PeerRun, right: PeerRun) => left.position - right.position;
  const running = (run: PeerRun) => (run.taken === null ? 0 : 1);
  switch (peer) {
    case "sjf-oracle":
      return (left: PeerRun, right: PeerRun) => left.job.durationSeconds - right.job.durationSeconds || byAge(left, right);
    case "srtf-oracle":
      return (left: PeerRun, right: PeerRun) => left.remaining - right.remaining || byAge(left, right);
    case "las":
      return (left: PeerRun, right: PeerRun) => queueOf(left) - queueOf(right) || running(right) - running(left) || byAge(left, right);
    default:
      return byAge;
  }
}

/** The first jobs by the order whose GPUs add up to the partition's run; the others are preempted. */
function reschedule(live: readonly PeerRun[], free: number[], gpus: number, now: number): void {
  let quota = gpus;
  const starting: PeerRun[] = [];
  for (const run of live) {
    if (run.job.gpus <= quota) {
      quota -= run.job.gpus;
      if (run.taken === null) starting.push(run);
    } else if (run.taken !== null) {
      release(free, run);
      run.remaining += restartSeconds(run.job.gpus);
      run.preemptions += 1;
    }
  }
  for (const run of starting) start(free, run, now);
}

/** In order; the first that does not fit stops the rest, unless they may go before it. */
function startWaiting(live: readonly PeerRun[], free: number[], now: number, backfill: boolean): void {
  for (const run of live) if (run.taken === null && !start(free, run, now) && !backfill) return;
}

function start(free: number[], run: PeerRun, now: number): boolean {
  run.taken = placePeer(free, run.job.gpus);
  if (run.taken !== null && run.firstStart < 0) run.firstStart = now;
  return run.taken !== null;
}

function release(free: number[], run: PeerRun): void {
  for (const [node, gpus] of run.taken ?? []) free[node] = (free[node] ?? 0) + gpus;
  run.taken = null;
}
