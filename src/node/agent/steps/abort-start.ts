import type { ReplicaEntry } from "../replica-entry.ts";

/** Tells a start in hand to give up; the start itself records how it ended. */
export function abortStart(entry: ReplicaEntry): void {
  entry.startAbort?.abort();
}
