import type { Clock } from "../../shared/domain/index.ts";
import { createAlarm } from "./alarm.ts";
import { backoffMs } from "./backoff.ts";

export interface SyncLoop {
  /** Sync soon. `change` (something here changed) respects the backoff of an unreachable control plane, `wake` does not. */
  poke(reason: "change" | "wake"): void;
  /** Syncs until `signal` aborts: one in flight, every request for another during it becomes one. */
  run(signal: AbortSignal): Promise<void>;
}

export interface SyncLoopPort {
  /** One exchange. Resolves with the milliseconds until the next; rejects when it failed. */
  sync(signal: AbortSignal): Promise<number>;
  onFailure(error: unknown, failures: number): void;
  /** The first success after `failures` failed syncs. */
  onRecovery(failures: number): void;
  clock: Clock;
  random: () => number;
}

/** The longest backoff stays well below a lease, so that a control plane that comes back finds the node in time. */
const BACKOFF = { baseMs: 500, maxMs: 10_000 } as const;

/**
 * After a failure it waits 0.5 s, doubling to 10 s, with jitter: a control plane that comes back must not meet all nodes at
 * once.
 */
export function createSyncLoop(port: SyncLoopPort): SyncLoop {
  const alarm = createAlarm(port.clock);
  let failures = 0;
  const attempt = async (signal: AbortSignal): Promise<number> => {
    try {
      const intervalMs = await port.sync(signal);
      if (failures > 0) port.onRecovery(failures);
      failures = 0;
      return intervalMs;
    } catch (error) {
      failures += 1;
      if (!signal.aborted) port.onFailure(error, failures);
      return backoffMs(failures, BACKOFF.baseMs, BACKOFF.maxMs, port.random);
    }
  };
  return {
    poke: (reason) => alarm.ring(reason === "wake" ? 1 : 0),
    async run(signal) {
      while (!signal.aborted) {
        const pauseMs = await attempt(signal);
        await alarm.wait(pauseMs, signal, failures > 0 ? 1 : 0);
      }
    },
  };
}
