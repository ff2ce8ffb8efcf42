import { type Clock, pause } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import { backoffMs } from "./backoff.ts";
import type { ControlPlaneClient } from "./control-plane-client.ts";

export interface WakeReaderPort {
  client: Pick<ControlPlaneClient, "wake">;
  /** Called for every line and every new connection: a nudge may have been lost before it. */
  onWake(): void;
  clock: Clock;
  random: () => number;
  log: Logger;
}

const BACKOFF = { baseMs: 500, maxMs: 15_000 } as const;

/**
 * Keeps the wake stream open until `signal` aborts. It only makes things faster: without it the agent still syncs every
 * few seconds. A silent connection (the client's watchdog) counts as a broken one.
 */
export async function readWakes(port: WakeReaderPort, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const lines = await port.client.wake(signal);
      port.onWake();
      for await (const chunk of lines) {
        // Only whole lines count; which line it was does not matter.
        if (!chunk.includes("\n")) continue;
        failures = 0;
        port.onWake();
      }
      failures += 1;
    } catch (error) {
      failures += 1;
      if (!signal.aborted) port.log.debug({ err: error, failures }, "wake stream broke");
    }
    await pause(port.clock, backoffMs(failures, BACKOFF.baseMs, BACKOFF.maxMs, port.random), signal);
  }
}
