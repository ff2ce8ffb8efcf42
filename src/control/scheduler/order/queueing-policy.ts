/** Who pays, as the order sees it. Plain data. */
export interface ProjectShare {
  name: string;
  /** Null hangs it below the root. */
  parent: string | null;
  /** Its part among its siblings; above 0. */
  weight: number;
  /** GPUs that are its own whenever it asks; what it holds beyond them is borrowed. */
  guaranteedGpus: number;
  limits: ProjectLimits;
  /** Dominant share x hours, decayed. See time/decayed-usage.ts. */
  usage: number;
}

/** Null is no limit. All count what runs, not what waits. */
export interface ProjectLimits {
  gpus: number | null;
  jobs: number | null;
  gpusPerUser: number | null;
  jobsPerUser: number | null;
}

export const NO_LIMITS: ProjectLimits = { gpus: null, jobs: null, gpusPerUser: null, jobsPerUser: null };

/** Priority, then guaranteed before borrowed, then the share of each project, then age. */
export interface FairPolicy {
  kind: "fair";
  /** A job that ran less is not preempted, milliseconds. */
  minRunMs: number;
}

/**
 * Priority, then the job likeliest to end soon for the GPU time it still takes (Gittins index over the history of like
 * jobs). No durations are asked of anybody. A job may push another out when its index is `hysteresis` times better, so a
 * pair never swaps back and forth: the loser's index only falls while it runs.
 */
export interface ServicePolicy {
  kind: "service";
  hysteresis: number;
  /** A job that ran less is not preempted, milliseconds. */
  minRunMs: number;
  /** A job that has never run goes before all of its priority after waiting this long: bounds everybody's first wait. */
  firstRunAfterMs: number;
}

export type QueueingPolicy = FairPolicy | ServicePolicy;

export const FAIR_POLICY: FairPolicy = { kind: "fair", minRunMs: 10 * 60_000 };
export const SERVICE_POLICY: ServicePolicy = { kind: "service", hysteresis: 24, minRunMs: 120_000, firstRunAfterMs: 3_600_000 };
