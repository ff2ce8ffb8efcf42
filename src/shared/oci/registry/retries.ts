import { type BerthError, type Clock, isBerthError } from "../../domain/index.ts";

export interface RetryPolicy {
  clock: Clock;
  /** 0 <= x < 1. */
  random: () => number;
  /** Tries in all. */
  attempts: number;
  baseMs: number;
  longestMs: number;
}

/** A registry that asks for more patience than this gets an error to its user instead. */
const LONGEST_RETRY_AFTER_MS = 120_000;

/** Seven tries over some half a minute: a registry that restarts is waited for, one that is gone is told of. */
export function defaultRetryPolicy(clock: Clock, random: () => number = Math.random): RetryPolicy {
  return { clock, random, attempts: 7, baseMs: 250, longestMs: 15_000 };
}

/**
 * Runs `work` until it succeeds, fails for good, or was tried often enough. `onFailure` may answer true: there was progress,
 * the count begins anew.
 */
export async function withRetries<T>(
  policy: RetryPolicy,
  signal: AbortSignal,
  work: () => Promise<T>,
  onFailure: (error: BerthError) => boolean = () => false,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!isTransient(error)) throw error;
      if (onFailure(error)) failures = 1;
      const waitMs = retryDelayMs(policy, failures, retryAfterOf(error));
      if (failures >= policy.attempts || waitMs === null) throw error;
      await policy.clock.sleep(waitMs, signal);
    }
  }
}

/** Exponential with jitter over its upper half; what the server asks for is obeyed, null when it asks for too much. */
export function retryDelayMs(
  policy: Pick<RetryPolicy, "random" | "baseMs" | "longestMs">,
  failures: number,
  askedMs: number | null,
): number | null {
  if (askedMs !== null && askedMs > LONGEST_RETRY_AFTER_MS) return null;
  const full = Math.min(policy.longestMs, policy.baseMs * 2 ** (failures - 1));
  const delay = full / 2 + (policy.random() * full) / 2;
  return askedMs === null ? delay : askedMs + policy.random() * policy.baseMs;
}

/**
 * Worth another try: it could not be reached, is overloaded or asks for patience; not when it marked its failure as
 * lasting.
 */
export function isTransient(error: unknown): error is BerthError {
  if (!isBerthError(error, "registry_unavailable") && !isBerthError(error, "rate_limited")) return false;
  return error.details?.["lasting"] !== true;
}

function retryAfterOf(error: BerthError): number | null {
  const asked = error.details?.["retryAfterMs"];
  return typeof asked === "number" ? asked : null;
}
