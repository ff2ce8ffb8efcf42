import type { CliIo } from "../cli-io.ts";

/**
 * Runs a wing until SIGTERM, SIGINT or, for a child of `berth up`, the end of its standard input: the supervisor holds the
 * other end, so a killed one takes its children with it.
 */
export async function runUntilStopped(io: CliIo, withStdin: boolean, run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  const unsubscribe = (["SIGTERM", "SIGINT"] as const).map((name) => io.onSignal(name, stop));
  if (withStdin) {
    io.stdin.once("end", stop).once("error", stop);
    io.stdin.resume();
  }
  try {
    await run(controller.signal);
  } finally {
    for (const undo of unsubscribe) undo();
  }
}
