import type { ContainerExit } from "./types.ts";

export interface EndFacts {
  /** Null when the monitor was lost. */
  code: number | null;
  /** The kernel killed something in the container for memory. */
  oom: boolean;
  leaseExpired: boolean;
}

/**
 * Why a container ended. A lease that ran out explains everything else. An out-of-memory kill explains a failure (also
 * of a program whose worker was killed), not a success. 128+N is how a monitor writes "ended by signal N".
 */
export function exitCause({ code, oom, leaseExpired }: EndFacts): ContainerExit["cause"] {
  if (leaseExpired) return "lease-expired";
  if (code === null) return "lost";
  if (oom && code !== 0) return "oom";
  return code > 128 && code <= 128 + 64 ? "signal" : "exited";
}
