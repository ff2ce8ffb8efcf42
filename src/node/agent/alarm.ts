import { type Clock, pause } from "../../shared/domain/index.ts";
import { linkSignal } from "./linked-signal.ts";

/** A sleep that can be cut short. A ring while nobody sleeps is kept for the next sleep, however many there were. */
export interface Alarm {
  /** `urgency`: sleepers that ask for more are not woken (the ring is kept). Default 0. */
  ring(urgency?: number): void;
  /** Resolves at a ring of at least `urgency`, after `milliseconds`, or when `signal` aborts; never rejects. */
  wait(milliseconds: number, signal: AbortSignal, urgency?: number): Promise<void>;
}

/** For one sleeper: a second `wait` at the same time would take the first one's wake-up. */
export function createAlarm(clock: Clock): Alarm {
  let rung = -1;
  let wakeUp: (() => void) | null = null;
  let needed = 0;
  return {
    ring(urgency = 0) {
      rung = Math.max(rung, urgency);
      if (rung >= needed) wakeUp?.();
    },
    async wait(milliseconds, signal, urgency = 0) {
      if (rung < urgency && !signal.aborted) {
        const linked = linkSignal(signal);
        needed = urgency;
        wakeUp = () => linked.abort();
        await pause(clock, milliseconds, linked.signal);
        linked.unlink();
        wakeUp = null;
      }
      rung = -1;
    },
  };
}
