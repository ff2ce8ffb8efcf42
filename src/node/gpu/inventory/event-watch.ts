import type { Clock } from "../../../shared/domain/index.ts";
import type { NativeNvml, NvmlMessage } from "../../platform/index.ts";

type XidMessage = Extract<NvmlMessage, { kind: "xid" }>;

export interface EventWatch {
  /** Starts listening, unless it does already or the last listener has not let go of NVML yet. */
  start(library: string): void;
  /**
   * Closes NVML so that the next look opens it afresh; false when it hangs and could not be closed within `WAIT_MS`.
   * Harmless when nobody listens.
   */
  stop(): Promise<boolean>;
  listening(): boolean;
  /** Why the last listener ended by itself; null while one listens. */
  problem(): string | null;
}

/** Event waits end every half second. */
const WAIT_MS = 2_000;

/** The thread that waits for XIDs; at most one, also when it hangs. */
export function createEventWatch(nvml: Pick<NativeNvml, "watch">, clock: Clock, onXid: (message: XidMessage) => void): EventWatch {
  let current: { stop: () => void; ended: Promise<void>; listening: boolean } | null = null;
  let problem: string | null = null;
  return {
    start(library) {
      if (current !== null) return;
      const { promise: ended, resolve } = deferred();
      const stop = nvml.watch(library, (message) => {
        if (message.kind === "xid") onXid(message);
        else if (message.kind === "listening") {
          problem = null;
          if (current?.ended === ended) current.listening = true;
        } else {
          problem = message.problem;
          if (current?.ended === ended) current = null;
          resolve();
        }
      });
      current = { stop, ended, listening: false };
    },
    async stop() {
      const watch = current;
      if (watch === null) return true;
      watch.stop();
      const answered = new AbortController();
      const late = clock.sleep(WAIT_MS, answered.signal).then(
        () => false,
        () => false,
      );
      const closed = await Promise.race([watch.ended.then(() => true), late]);
      answered.abort();
      return closed;
    },
    listening: () => current?.listening ?? false,
    problem: () => problem,
  };
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
