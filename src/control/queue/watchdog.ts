/** Milliseconds between canaries, and without an echo before the worker is taken for dead. */
const CANARY_MS = 10_000;
const SILENCE_MS = 30_000;

export interface Watchdog {
  /** A canary was consumed, here or in another replica. */
  heard(): void;
  stop(): void;
}

/**
 * BullMQ workers have been known to stay silent after an outage (issues 36, 3185, 4585). A canary job every few seconds
 * proves that somebody consumes; when its echo stays away although canaries could be sent, `revive` builds a new worker.
 */
export function startWatchdog(
  sendCanary: () => Promise<boolean>,
  revive: () => void,
  timing = { canaryMs: CANARY_MS, silenceMs: SILENCE_MS },
): Watchdog {
  let unheardSince: number | null = null;
  const timer = setInterval(() => void beat(), timing.canaryMs);
  timer.unref();
  const beat = async () => {
    const now = performance.now();
    if (unheardSince !== null && now - unheardSince >= timing.silenceMs) {
      unheardSince = null;
      revive();
    }
    if (await sendCanary()) unheardSince ??= now;
    // While Redis itself is away nobody can hear anything: the silence is not the worker's.
    else unheardSince = null;
  };
  return {
    heard: () => {
      unheardSince = null;
    },
    stop: () => clearInterval(timer),
  };
}
