import type { Clock, Job } from "../../../shared/domain/index.ts";
import { isTerminal } from "../../../shared/domain/index.ts";
import type { JobStore } from "../../jobs/index.ts";
import { type LogPiece, timeOf } from "./log-lines.ts";
import { type LogSource, openLogSource } from "./log-source.ts";
import type { LogStore } from "./log-store.ts";

export interface LogRequest {
  jobId: string;
  follow: boolean;
  /** One replica; null for all. */
  rank: number | null;
  /** One attempt; null for the newest, and when following also those after it. */
  epoch: number | null;
  tail: number | null;
  since: number | null;
}

export interface LogDeps {
  logs: LogStore;
  jobs: Pick<JobStore, "get" | "changed">;
  clock: Clock;
}

/** A piece and whose it is. */
export interface RankedPiece {
  rank: number;
  piece: LogPiece;
}

const LOOK_AGAIN_MS = 2000;
/** How long an attempt that is over may take to deliver the rest of its log when its node did not say that it is complete. */
const SETTLE_MS = 5000;

/**
 * The logs of a job, the pieces of its replicas in the order of their time. Following goes on until the job is terminal and
 * every byte was given, over all attempts. Ends quietly when the signal aborts.
 */
export async function* streamJobLogs(deps: LogDeps, request: LogRequest, job: Job, signal: AbortSignal): AsyncGenerator<RankedPiece[]> {
  let epoch = request.epoch ?? (await firstEpoch(deps, request, job, signal));
  while (epoch !== null && !signal.aborted) {
    yield* streamEpoch(deps, request, epoch, signal);
    const now: Job | null = request.follow && request.epoch === null ? await deps.jobs.get(request.jobId) : null;
    epoch = now === null ? null : await epochAfter(deps, now, epoch, signal);
  }
}

/** Waits for the first attempt when there is none yet. */
async function firstEpoch(deps: LogDeps, request: LogRequest, job: Job, signal: AbortSignal): Promise<number | null> {
  if (job.epoch > 0) return job.epoch;
  return request.follow ? epochAfter(deps, job, 0, signal) : null;
}

/** The next attempt, waited for unless the job is over; null when none will come. */
async function epochAfter(deps: LogDeps, job: Job, epoch: number, signal: AbortSignal): Promise<number | null> {
  let now: Job | null = job;
  while (now !== null && !signal.aborted) {
    if (now.epoch > epoch) return epoch + 1;
    if (isTerminal(now.state)) return null;
    await deps.jobs.changed(job.id, LOOK_AGAIN_MS, signal);
    now = await deps.jobs.get(job.id);
  }
  return null;
}

async function* streamEpoch(deps: LogDeps, request: LogRequest, epoch: number, signal: AbortSignal): AsyncGenerator<RankedPiece[]> {
  const sources = new Map<number, LogSource>();
  const watch = watchGrowth(deps, request.jobId, signal);
  const over = request.follow ? attemptWatch(deps, request, epoch) : async () => true;
  try {
    for (let last = false; !signal.aborted; ) {
      watch.arm();
      await addSources(deps, request, epoch, sources);
      yield* available(sources, signal);
      // Whatever was written before the attempt was seen to be over has been read only by a pass that began after that.
      if (last) break;
      last = await over();
      if (!last) await watch.wait();
    }
    if (!signal.aborted) yield remainders(sources);
  } finally {
    watch.stop();
  }
}

async function addSources(deps: LogDeps, request: LogRequest, epoch: number, sources: Map<number, LogSource>): Promise<void> {
  for (const rank of await deps.logs.ranks(request.jobId, epoch)) {
    if (sources.has(rank) || (request.rank !== null && request.rank !== rank)) continue;
    const path = deps.logs.path({ jobId: request.jobId, epoch, rank });
    sources.set(rank, await openLogSource({ rank, path, tail: request.tail, since: request.since }));
  }
}

/** Everything that is on disk now, the oldest piece first, in batches. */
async function* available(sources: Map<number, LogSource>, signal: AbortSignal): AsyncGenerator<RankedPiece[]> {
  while (!signal.aborted) {
    const filled: LogSource[] = [];
    for (const source of sources.values()) if (await source.fill()) filled.push(source);
    if (filled.length === 0) return;
    yield merge(filled);
  }
}

/** Takes the oldest head again and again, until one of the sources must read on: its next piece may be the oldest. */
function merge(sources: LogSource[]): RankedPiece[] {
  const batch: RankedPiece[] = [];
  for (;;) {
    let oldest: { source: LogSource; piece: LogPiece; time: number } | null = null;
    for (const source of sources) {
      const piece = source.head();
      if (piece === null) return batch;
      const time = sources.length === 1 ? 0 : timeOf(piece);
      if (oldest === null || time < oldest.time) oldest = { source, piece, time };
    }
    if (oldest === null) return batch;
    oldest.source.take();
    batch.push({ rank: oldest.source.rank, piece: oldest.piece });
  }
}

function remainders(sources: Map<number, LogSource>): RankedPiece[] {
  return [...sources.values()].flatMap((source) => source.rest().map((piece) => ({ rank: source.rank, piece })));
}

/** Answers whether the attempt is over and its logs are complete, or have had long enough to become so. */
function attemptWatch(deps: LogDeps, request: LogRequest, epoch: number): () => Promise<boolean> {
  let overSince: number | null = null;
  return async () => {
    const job = await deps.jobs.get(request.jobId);
    if (job === null) return true;
    if (job.epoch === epoch && !isTerminal(job.state) && job.state !== "pending") return false;
    if (job.epoch < epoch && !isTerminal(job.state)) return false;
    overSince ??= deps.clock.monotonic();
    if (deps.clock.monotonic() - overSince >= SETTLE_MS) return true;
    if (job.finishedAt !== null && deps.clock.now() - job.finishedAt >= SETTLE_MS) return true;
    const ranks = request.rank === null ? ranksOf(job, epoch, await deps.logs.ranks(request.jobId, epoch)) : [request.rank];
    return ranks.every((rank) => deps.logs.isFinal({ jobId: request.jobId, epoch, rank }));
  };
}

function ranksOf(job: Job, epoch: number, stored: number[]): number[] {
  return job.attempt?.epoch === epoch ? job.attempt.assignments.map(({ rank }) => rank) : stored;
}

/** Wakes at growth of the log or a change of the row. Armed before looking, so nothing between look and wait is missed. */
function watchGrowth(deps: LogDeps, jobId: string, signal: AbortSignal) {
  const stopped = new AbortController();
  const either = AbortSignal.any([signal, stopped.signal]);
  let grown: Promise<void> = Promise.resolve();
  let notify = () => {};
  let row: Promise<void> | null = null;
  const unsubscribe = deps.logs.onGrowth(jobId, () => notify());
  return {
    arm: () => {
      grown = new Promise((resolve) => {
        notify = resolve;
      });
    },
    wait: async () => {
      row ??= deps.jobs.changed(jobId, LOOK_AGAIN_MS, either).finally(() => {
        row = null;
      });
      await Promise.race([grown, row]);
    },
    stop: () => {
      unsubscribe();
      stopped.abort();
    },
  };
}
