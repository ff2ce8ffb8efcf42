import type { Clock } from "../../../shared/domain/index.ts";
import type { CdiSpec } from "./cdi-types.ts";
import { type CdiChange, type CdiFormat, writeCdiFile } from "./write-cdi-file.ts";

export interface CdiWatch {
  path: string;
  format: CdiFormat;
  /** The specification as of now; null when there is nothing to hand out, with the reason. */
  current: () => Promise<CdiSnapshot>;
  everyMs: number;
  clock: Clock;
  changed: (change: CdiChange, snapshot: CdiSnapshot) => void;
}

export interface CdiSnapshot {
  spec: CdiSpec | null;
  /** Why there is none. */
  reason: string | null;
}

/**
 * Keeps a CDI file true until `signal`: rewritten when a driver is upgraded or a GPU comes, goes or fails, removed when no driver is
 * left or an upgrade is half done. Looks again every `everyMs`, as nothing on a Linux machine announces all of that. The file stays
 * when the watch ends.
 */
export async function keepCdiFile(watch: CdiWatch, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const snapshot = await watch.current();
    const change = await writeCdiFile(watch.path, snapshot.spec, watch.format);
    if (change === "written" || change === "removed") watch.changed(change, snapshot);
    await watch.clock.sleep(watch.everyMs, signal).catch(rethrowUnless(signal));
  }
}

function rethrowUnless(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}
