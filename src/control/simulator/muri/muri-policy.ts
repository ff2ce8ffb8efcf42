import type { MuriJob } from "./muri-trace.ts";

/** One job while it waits or runs. */
export interface MuriRun {
  job: MuriJob;
  remaining: number;
  /** Seconds it ran, overhead included. */
  executed: number;
  running: boolean;
  endsAt: number;
}

/** Orders, places and marks jobs as running. */
export interface MuriPolicy {
  arrive(run: MuriRun): void;
  leave(run: MuriRun): void;
  /** All jobs that wait or run, in the policy's order. */
  jobs(): Iterable<MuriRun>;
  /** Decides anew which jobs run, from an empty cluster. */
  schedule(now: number): void;
  /** Time of the policy's own next event. */
  nextEvent(now: number): number;
}
