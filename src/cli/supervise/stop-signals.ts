import type { CliIo, StopSignal } from "../cli-io.ts";

export interface StopSignals {
  /** The first SIGTERM, SIGINT or SIGHUP. */
  stop: AbortSignal;
  /** The second. */
  hurry: AbortSignal;
  close(): void;
}

/** A first signal asks for an orderly end, a second for a quick one. */
export function stopSignals(io: CliIo): StopSignals {
  const stop = new AbortController();
  const hurry = new AbortController();
  const onSignal = (name: StopSignal) => () => {
    if (stop.signal.aborted) {
      io.stderr.write("stopping at once\n");
      hurry.abort();
      return;
    }
    io.stderr.write(`${name}: stopping (again to stop at once)\n`);
    stop.abort();
  };
  const unsubscribe = (["SIGTERM", "SIGINT", "SIGHUP"] as const).map((name) => io.onSignal(name, onSignal(name)));
  const close = () => {
    for (const undo of unsubscribe) undo();
  };
  return { stop: stop.signal, hurry: hurry.signal, close };
}
